"""Vision tokens to bytes and back."""

import pytest
import torch
from PIL import Image

from optimem.errors import ChecksumError, FormatError, InputError
from optimem.model.deepseek_ocr.images import MODES
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.model.deepseek_ocr.stored_tokens import (
    Packing,
    StoredPage,
    pack_tokens,
    unpack_tokens,
)
from optimem.omem.container import ContainerKind, pack_container

PAGE = StoredPage("e", "tiny", 64, 30, 20, torch.arange(128).view(2, 64) / 100)


@pytest.mark.parametrize("packing", list(Packing))
def test_a_page_comes_back(packing: Packing) -> None:
    again = StoredPage.from_bytes(PAGE.to_bytes(packing))
    assert (again.fingerprint, again.mode, again.vision_tokens) == ("e", "tiny", 64)
    assert (again.width, again.height) == (30, 20)
    torch.testing.assert_close(again.tokens, PAGE.tokens, atol=0.1, rtol=0.01)


@pytest.mark.parametrize(
    ("packing", "worst"), [(Packing.BF16, 0.004), (Packing.INT8, 0.02), (Packing.INT4, 0.2)]
)
def test_packing_costs_what_it_says(packing: Packing, worst: float) -> None:
    tokens = torch.randn(30, 128, generator=torch.Generator().manual_seed(1))
    packed = pack_tokens(tokens, packing)
    found = unpack_tokens(packed, packing, 30, 128).float()
    assert (found - tokens).norm() / tokens.norm() < worst
    bits = {"bf16": 16, "int8": 8, "int4": 4}[packing]
    assert len(packed[0]) * 8 == 30 * 128 * bits


def test_damaged_pages_are_named(reader: DeepSeekReader) -> None:
    (page,) = reader.encode([Image.new("RGB", (70, 50))], MODES["tiny"])
    data = bytearray(page.to_bytes())
    for broken in (data[:-1], data[:40], data[:100] + b"\0" + data[101:], b""):
        with pytest.raises(ChecksumError):
            StoredPage.from_bytes(bytes(broken))


@pytest.mark.parametrize("shape", [(3, 64), (2, 63), (1, 64), (2**40, 64)])
@pytest.mark.parametrize("packing", list(Packing))
def test_values_that_do_not_fit_the_shape_are_refused(
    packing: Packing, shape: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match="the shape needs"):
        unpack_tokens(pack_tokens(PAGE.tokens, packing), packing, *shape)


def test_scales_that_are_not_finite_are_refused() -> None:
    described, values, scales = PAGE.to_sections(Packing.INT8)
    forged = [described, values, b"\x00\x7c" + scales[2:]]
    with pytest.raises(FormatError, match="a scale is not a finite number"):
        StoredPage.from_bytes(pack_container(ContainerKind.DEEPSEEK_TOKENS, forged))


def test_a_packing_is_found_by_its_name() -> None:
    assert Packing.parse(" INT8 ") is Packing.INT8
    with pytest.raises(InputError, match="no packing is called 'int2'; choose one of bf16"):
        Packing.parse("int2")
