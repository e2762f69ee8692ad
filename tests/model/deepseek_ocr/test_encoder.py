"""The encoder's shapes and parts; that it computes what it should, `test_parity` shows."""

from dataclasses import replace

import pytest
import torch

from optimem.model import hardware
from optimem.model.attention import Attention
from optimem.model.deepseek_ocr.encoder import ClassToken, DeepEncoder, MapConv, SlicedBlock
from tests.model.deepseek_ocr.small import SMALL


@pytest.mark.parametrize("size", [128, 384])
def test_an_image_becomes_one_token_for_64_by_64_pixels(size: int) -> None:
    encoder = DeepEncoder(SMALL.vision).eval()
    with torch.no_grad():
        tokens = encoder(torch.randn(2, size, size, 3))
    assert tokens.shape == (2, (size // 64) ** 2, SMALL.vision.token_dim)


def test_a_change_in_one_corner_reaches_every_token() -> None:
    encoder = DeepEncoder(replace(SMALL.vision, global_blocks=())).eval()
    images = torch.randn(1, 256, 256, 3)
    changed = images.clone()
    changed[:, :16, :16] += 1
    with torch.no_grad():
        moved = (encoder(images) != encoder(changed)).any(-1)
    assert moved.all()


def test_a_sliced_block_is_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    block = SlicedBlock(dim=8, hidden=16, attn=Attention(dim=8, heads=2))
    x = torch.randn(2, 9, 8)
    whole = block(x)
    monkeypatch.setattr(hardware, "SLICE_ELEMENTS_PER_THREAD", 40)
    with torch.no_grad():
        torch.testing.assert_close(block(x), whole)


def test_convolutions_keep_channels_last() -> None:
    assert MapConv(3, 5, 3)(torch.randn(2, 8, 6, 3)).shape == (2, 8, 6, 5)
    assert MapConv(3, 5, 3, stride=2)(torch.randn(2, 8, 6, 3)).shape == (2, 4, 3, 5)


def test_the_class_token_stands_in_front() -> None:
    token = ClassToken(dim=4)
    torch.nn.init.ones_(token.embedding)
    torch.nn.init.ones_(token.position)
    x = torch.randn(2, 3, 4)
    with_token = token(x)
    assert torch.equal(with_token[:, 1:], x)
    assert torch.equal(with_token[:, 0], torch.full((2, 4), 2.0))
