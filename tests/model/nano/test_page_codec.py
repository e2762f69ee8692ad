"""The shipped model: it reads what optimem draws, and says so when it is given other things."""

from pathlib import Path

import numpy as np
import pytest
import torch

from optimem.build import OnDemand, nano_codec
from optimem.cli.demo import demo_turns
from optimem.errors import ChecksumError, FingerprintError, FormatError, PageError, VersionError
from optimem.model.config import NANO
from optimem.model.nano.model import Reader
from optimem.model.nano.page_codec import NanoReader
from optimem.model.nano.token_coding import TokenCoder
from optimem.model.nano.weights import load_weights, save_weights, shipped_weights
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
def reader() -> PageCodec:
    return nano_codec()


@pytest.fixture(scope="module")
def tokens(reader: PageCodec) -> dict[Tier, VisionTokens]:
    page = reader.renderer.page(reader.renderer.cells(TEXT)[:CELLS])
    return {tier: reader.encoder.encode([page], tier)[0] for tier in Tier}


def share_right(reader: PageCodec, tokens: VisionTokens) -> float:
    (read,) = reader.decoder.read([tokens])
    cells = reader.renderer.cells(TEXT)[:CELLS]
    assert len(read.ids) == len(read.probability) == len(cells)
    return float((read.ids == cells).mean())


@pytest.mark.parametrize(
    ("tier", "least"),
    [(Tier.LARGE, 0.99), (Tier.BASE, 0.98), (Tier.SMALL, 0.98), (Tier.TINY, 0.93)],
)
def test_pages_read_back(
    reader: PageCodec, tokens: dict[Tier, VisionTokens], tier: Tier, least: float
) -> None:
    assert share_right(reader, tokens[tier]) >= least


def test_other_scripts_read_back(reader: PageCodec) -> None:
    cells = reader.renderer.cells(SCRIPTS)
    (read,) = reader.decoder.read(reader.encoder.encode([reader.renderer.page(cells)], Tier.LARGE))
    assert (read.ids == cells).mean() >= 0.9


def test_fewer_tokens_cost_fewer_bytes_and_certainty(
    reader: PageCodec, tokens: dict[Tier, VisionTokens]
) -> None:
    sizes = [len(tokens[tier].data) for tier in Tier]
    assert sizes == sorted(sizes)
    sure = {t: float(reader.decoder.read([tokens[t]])[0].probability.mean()) for t in Tier}
    assert sure[Tier.TRACE] < sure[Tier.TINY] < sure[Tier.SMALL]


def test_pages_of_all_tiers_are_read_together(
    reader: PageCodec, tokens: dict[Tier, VisionTokens]
) -> None:
    together = reader.decoder.read([tokens[tier] for tier in Tier])
    for tier, read in zip(Tier, together, strict=True):
        (alone,) = reader.decoder.read([tokens[tier]])
        assert (read.ids == alone.ids).mean() > 0.999


def test_damaged_and_foreign_tokens_are_named(
    reader: PageCodec, tokens: dict[Tier, VisionTokens]
) -> None:
    from dataclasses import replace

    good = tokens[Tier.SMALL]
    for data in (good.data[:-4], good.data[:-1], bytes([good.data[0] ^ 1]) + good.data[1:], b""):
        with pytest.raises(ChecksumError, match="damaged or cut short"):
            reader.decoder.read([replace(good, data=data)])
    with pytest.raises(FingerprintError, match="'nano-other'"):
        reader.decoder.read([replace(good, fingerprint="nano-other")])


def test_its_own_page_is_read_from_the_image_alone(reader: PageCodec) -> None:
    assert isinstance(reader.decoder, OnDemand)
    nano = reader.decoder.model
    page = reader.renderer.page(reader.renderer.cells(TEXT)[:CELLS])
    read = nano.read_image(page.image(Tier.LARGE))
    assert reader.renderer.text(read).text.startswith("Morning! I'm setting up")


def test_what_it_was_not_made_for_is_refused(reader: PageCodec) -> None:
    assert isinstance(reader.decoder, OnDemand)
    nano = reader.decoder.model
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:640, :640]
    photo = (127 + 90 * np.sin(x / 37) * np.cos(y / 53) + rng.normal(0, 9, x.shape)).astype(
        np.uint8
    )
    shifted = np.roll(
        reader.renderer.page(reader.renderer.cells(TEXT)[:CELLS]).image(Tier.SMALL), 5, (0, 1)
    )
    for image in (photo, 255 - photo, shifted):
        with pytest.raises(PageError, match="not a page that optimem has drawn"):
            nano.read_image(image)
    with pytest.raises(PageError, match="100 × 200 is no dense page"):
        nano.read_image(np.zeros((100, 200), np.uint8))


def test_the_coder_costs_what_the_prior_says() -> None:
    rng = np.random.default_rng(0)
    spread = np.array([0.05, 0.5, 4.0, 30.0], np.float32)
    mean = np.array([2.0, -0.3, 0.0, 5.0], np.float32)
    steps = np.round(rng.normal(mean, spread, (4000, 4))).astype(np.int16)
    coder = TokenCoder(mean, spread)
    data = coder.encode(steps)
    assert np.array_equal(coder.decode(data, 4000)[:, 1:], steps[:, 1:])
    ideal = 4000 * np.log2(spread[2:] * np.sqrt(2 * np.pi * np.e)).sum() / 8
    assert len(data) < ideal * 1.15 + 4000 * 1.3 / 8


def test_weights_come_back_and_others_are_refused(tmp_path: Path) -> None:
    reader = Reader(NANO)
    path = tmp_path / "w.safetensors"
    origin = save_weights(reader, NANO, "dense-x", path)
    again = Reader(NANO)
    assert load_weights(again, path) == origin
    for (name, a), b in zip(reader.state_dict().items(), again.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, atol=2e-2, rtol=1e-2, msg=name)
    with pytest.raises(FingerprintError, match="reads pages of dense-x"):
        _ = NanoReader(DenseRenderer(), weights=path).fingerprint
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(FormatError, match="no readable weights file"):
        load_weights(again, path)


def test_a_newer_format_of_weights_is_named(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(2)}, path, {"format": "optimem-reader-9"})
    with pytest.raises(VersionError, match="optimem-reader-9"):
        load_weights(Reader(NANO), path)


def test_the_shipped_weights_are_small() -> None:
    assert shipped_weights().stat().st_size <= 40_000_000
