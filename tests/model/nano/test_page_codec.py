"""The shipped model: it reads what optimem draws, and says so when it is given other things."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from optimem.build import nano_codec
from optimem.cli.demo_story import demo_turns
from optimem.errors import ChecksumError, FingerprintError, PageError
from optimem.model.nano.model import NanoModel
from optimem.model.nano.page_codec import NanoCodec
from optimem.model.nano.sizes import NanoConfig
from optimem.model.nano.weights import save_weights
from optimem.protocols import PageCodec, VisionTokens
from optimem.renderers.dense import DenseRenderer
from optimem.tiers import Tier

TEXT = "\n".join(str(turn["text"]) for turn in demo_turns())
CELLS = 12_000
SCRIPTS = (
    "Der Fluß führt über die Brücke, café, naïve, señor, český, łódź, İstanbul. "
    "Это было давно: старый дом стоял у реки, и никто не помнил, кто его построил. "
    "Το παλιό σπίτι ήταν δίπλα στο ποτάμι και κανείς δεν θυμόταν ποιος το έχτισε. "
)


@pytest.fixture(scope="module")
def codec() -> PageCodec:
    return nano_codec()


@pytest.fixture(scope="module")
def tokens(codec: PageCodec) -> dict[Tier, VisionTokens]:
    page = codec.renderer.page(codec.renderer.cells(TEXT)[:CELLS])
    return {tier: codec.encoder.encode([page], tier)[0] for tier in Tier}


def share_right(codec: PageCodec, tokens: VisionTokens) -> float:
    (read,) = codec.decoder.read([tokens])
    cells = codec.renderer.cells(TEXT)[:CELLS]
    assert len(read.ids) == len(read.probability) == len(cells)
    return float((read.ids == cells).mean())


@pytest.mark.parametrize(
    ("tier", "least"),
    [(Tier.LARGE, 0.99), (Tier.BASE, 0.98), (Tier.SMALL, 0.98), (Tier.TINY, 0.93)],
)
def test_pages_read_back(
    codec: PageCodec, tokens: dict[Tier, VisionTokens], tier: Tier, least: float
) -> None:
    assert share_right(codec, tokens[tier]) >= least


def test_other_scripts_read_back(codec: PageCodec) -> None:
    cells = codec.renderer.cells(SCRIPTS)
    (read,) = codec.decoder.read(codec.encoder.encode([codec.renderer.page(cells)], Tier.LARGE))
    assert (read.ids == cells).mean() >= 0.9


def test_fewer_tokens_cost_fewer_bytes_and_certainty(
    codec: PageCodec, tokens: dict[Tier, VisionTokens]
) -> None:
    trace, tiny, small, base, large = (len(tokens[tier].data) for tier in Tier)
    assert trace < tiny < small < base
    assert 0.8 < large / base < 1.25  # Base reads as well as Large, from more bits a token
    sure = {t: float(codec.decoder.read([tokens[t]])[0].probability.mean()) for t in Tier}
    assert sure[Tier.TRACE] < sure[Tier.TINY] < sure[Tier.SMALL]


def test_pages_of_all_tiers_are_read_together(
    codec: PageCodec, tokens: dict[Tier, VisionTokens]
) -> None:
    together = codec.decoder.read([tokens[tier] for tier in Tier])
    for tier, read in zip(Tier, together, strict=True):
        (alone,) = codec.decoder.read([tokens[tier]])
        assert (read.ids == alone.ids).mean() > 0.999


def test_damaged_and_foreign_tokens_are_named(
    codec: PageCodec, tokens: dict[Tier, VisionTokens]
) -> None:
    good = tokens[Tier.SMALL]
    flipped = good.data[:-1] + bytes([good.data[-1] ^ 1])
    for data in (good.data[:-4], good.data[:-1], flipped, b""):
        with pytest.raises(ChecksumError, match="damaged or cut short"):
            codec.decoder.read([replace(good, data=data)])
    with pytest.raises(FingerprintError, match="'nano-other'"):
        codec.decoder.read([replace(good, fingerprint="nano-other")])


def test_its_own_page_is_read_from_the_image_alone(codec: PageCodec) -> None:
    nano = codec.decoder
    assert isinstance(nano, NanoCodec)
    page = codec.renderer.page(codec.renderer.cells(TEXT)[:CELLS])
    read = nano.read_image(page.image(Tier.LARGE))
    assert codec.renderer.text(read).text.startswith("Morning! I'm setting up")


def test_what_it_was_not_made_for_is_refused(codec: PageCodec) -> None:
    nano = codec.decoder
    assert isinstance(nano, NanoCodec)
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:640, :640]
    photo = (127 + 90 * np.sin(x / 37) * np.cos(y / 53) + rng.normal(0, 9, x.shape)).astype(
        np.uint8
    )
    shifted = np.roll(
        codec.renderer.page(codec.renderer.cells(TEXT)[:CELLS]).image(Tier.SMALL), 5, (0, 1)
    )
    for image in (photo, 255 - photo, shifted):
        with pytest.raises(PageError, match="not a page that optimem has drawn"):
            nano.read_image(image)
    with pytest.raises(PageError, match="100 × 200 is not a dense page"):
        nano.read_image(np.zeros((100, 200), np.uint8))


def test_weights_for_another_renderer_are_named_at_the_first_use(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors.zst"
    save_weights(NanoModel(NanoConfig()), "dense-x", ("a",), path)
    codec = NanoCodec(DenseRenderer(), weights=path)
    with pytest.raises(FingerprintError, match="reads pages of dense-x"):
        _ = codec.fingerprint


def test_symbols_are_told_by_the_features_of_their_cells(tokens: dict[Tier, VisionTokens]) -> None:
    codec = NanoCodec(DenseRenderer(), device=torch.device("cpu"), dtype=torch.float32)
    asked = [tokens[tier] for tier in (Tier.TRACE, Tier.LARGE)]
    for stored, features, read in zip(
        asked, codec.cell_features(asked), codec.read(asked), strict=True
    ):
        head = codec._runtime.model.readout(stored.tier).symbol
        symbols, _ = head.read(torch.from_numpy(features))
        assert (symbols.numpy() == read.ids).all()
    with pytest.raises(FingerprintError):
        codec.cell_features([replace(asked[0], fingerprint="other")])
