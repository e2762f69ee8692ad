"""Reading in numpy: the same cells as the network's, the same coders, and no torch."""

import numpy as np
import pytest
import torch

from optimem.cli.demo_story import demo_turns
from optimem.model.nano.page_codec import FEW_PAGES, NanoCodec
from optimem.model.nano.reading import LightReader, token_coders
from optimem.model.nano.runtime import NanoRuntime
from optimem.model.nano.token_coding import TokenCoder
from optimem.model.nano.weights_file import WeightsFile, shipped_weights
from optimem.renderers.dense import DenseRenderer
from optimem.tiers import Tier

RENDERER = DenseRenderer()
RARE = "Przyjaźń, Ἀθῆναι, ☂ ¿qué? привет мир. "
TEXT = RARE * 20 + "\n".join(str(turn["text"]) for turn in demo_turns())


@pytest.fixture(scope="module")
def file() -> WeightsFile:
    return WeightsFile.load(shipped_weights())


@pytest.fixture(scope="module")
def network(file: WeightsFile) -> NanoRuntime:
    return NanoRuntime.load(file, torch.device("cpu"), torch.float32)


@pytest.mark.parametrize("tier", Tier)
def test_it_reads_what_the_network_reads(
    file: WeightsFile, network: NanoRuntime, tier: Tier
) -> None:
    page = RENDERER.page(RENDERER.cells(TEXT)[:12_800])
    levels = network.encode(page.image(tier)[None], tier)
    (ours,), (theirs,) = (reader.read(levels, tier) for reader in (LightReader(file), network))
    assert (ours.ids.dtype, ours.probability.dtype) == (np.uint16, np.float32)
    np.testing.assert_allclose(ours.probability, theirs.probability, atol=1e-3)
    sure = theirs.probability > 0.51  # of two equally likely symbols, either may be read
    assert np.array_equal(ours.ids[sure], theirs.ids[sure])
    assert (ours.ids != theirs.ids).sum() <= 3


def test_coders_have_the_exact_priors_of_the_weights(
    file: WeightsFile, network: NanoRuntime
) -> None:
    bottleneck, coders = network.model.bottleneck.double(), token_coders(file)
    for tier, coder in coders.items():
        prior = TokenCoder(*(part.numpy().astype(np.float32) for part in bottleneck.prior(tier)))
        for part in ("mean", "spread", "share"):
            ours = getattr(coder, part)
            assert ours.dtype == np.float32
            assert np.array_equal(ours, getattr(prior, part))
    assert coders[Tier.LARGE].spread.shape == (4, 440)
    bottleneck.float()


def test_many_pages_are_read_by_the_network() -> None:
    writer = NanoCodec(RENDERER)
    (tokens,) = writer.encode([RENDERER.page(RENDERER.cells("A short page."))], Tier.TRACE)
    reader = NanoCodec(RENDERER)
    assert isinstance(reader._reader(FEW_PAGES), LightReader)
    assert isinstance(reader._reader(1), NanoRuntime)
    assert isinstance(reader._reader(1), NanoRuntime)
    (few,), (many,) = NanoCodec(RENDERER).read([tokens]), reader.read([tokens])
    np.testing.assert_allclose(few.probability, many.probability, atol=0.2)


def test_a_device_that_is_asked_for_is_used() -> None:
    assert isinstance(NanoCodec(RENDERER, device=torch.device("cpu"))._reader(1), NanoRuntime)
    assert isinstance(NanoCodec(RENDERER, dtype=torch.float32)._reader(1), NanoRuntime)
