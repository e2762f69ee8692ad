"""Our DeepSeek-OCR against transformers' implementation, small and random, in fp32."""

from typing import Any

import pytest
import torch
from oracle import IMAGE_ID, random_model, theirs

from optimem.model.deepseek_ocr.checkpoint import load_checkpoint, save_checkpoint
from optimem.model.deepseek_ocr.model import DeepSeekOCR, Views

Pair = tuple[DeepSeekOCR, Any]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    from oracle import SMALL

    folder = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(random_model(), folder)
    return load_checkpoint(folder, config=SMALL), theirs(folder)


def image(size: int, count: int = 1, seed: int = 1) -> torch.Tensor:
    """Images (count, size, size, 3), −1 to 1."""
    made = torch.Generator().manual_seed(seed)
    return torch.rand(count, size, size, 3, generator=made) * 2 - 1


def channels_first(images: torch.Tensor) -> torch.Tensor:
    return images.permute(0, 3, 1, 2).contiguous()


@pytest.mark.parametrize("size", [384, 512, 640])
def test_vision_tokens_at_every_size(pair: Pair, size: int) -> None:
    ours, other = pair
    pages = image(size, 2)
    with torch.no_grad():
        expected = other.model.get_image_features(channels_first(pages)).pooler_output
        found = ours.encode([Views(page) for page in pages])
    for mine, their in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, their, atol=5e-5, rtol=0)


def test_vision_tokens_of_a_tiled_page(pair: Pair) -> None:
    ours, other = pair
    overview, tiles = image(512), image(384, 6)
    with torch.no_grad():
        (expected,) = other.model.get_image_features(
            channels_first(overview),
            channels_first(tiles),
            num_local_patches=[6],
            patches_grid=[[3, 2]],
        ).pooler_output
        (found,) = ours.encode([Views(overview[0], tiles, across=3)])
    torch.testing.assert_close(found, expected, atol=5e-5, rtol=0)


def test_logits_of_a_page_and_a_prompt(pair: Pair) -> None:
    ours, other = pair
    page = image(384)
    with torch.no_grad():
        (tokens,) = ours.encode([Views(page[0])])
        ids = torch.tensor([[0, *[IMAGE_ID] * len(tokens), 5, 17, 40]])
        expected = other(input_ids=ids, pixel_values=channels_first(page)).logits
        words = ours.embed_tokens(ids[0, len(tokens) + 1 :])
        embedded = torch.cat((ours.embed_tokens(ids[0, :1]), tokens, words))[None]
        torch.testing.assert_close(ours(embedded), expected, atol=2e-5, rtol=1e-5)
