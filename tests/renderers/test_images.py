"""Image files: pages come back as they were saved, and small."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from optimem.errors import PageError
from optimem.renderers.dense import DenseRenderer
from optimem.renderers.images import (
    enlarge,
    load_ink,
    page_png,
    readable_png,
    save_page,
)
from optimem.renderers.readable import render_pages
from optimem.tiers import Tier
from optimem.turns import Turn

RENDERER = DenseRenderer()
CELLS = RENDERER.cells("The quick brown fox jumps over the lazy dog. " * 20, "user")


def test_a_saved_page_is_dark_on_white_and_loads_as_it_was(tmp_path: Path) -> None:
    ink = RENDERER.draw(CELLS, Tier.SMALL)
    save_page(ink, tmp_path / "page.png")
    assert np.array_equal(load_ink(tmp_path / "page.png"), ink)
    with Image.open(tmp_path / "page.png") as image:
        assert image.getpixel((639, 639)) == 255


def test_images_in_colour_load_as_ink(tmp_path: Path) -> None:
    Image.new("RGB", (3, 2), "black").save(tmp_path / "black.png")
    assert load_ink(tmp_path / "black.png").tolist() == [[255] * 3] * 2


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n"])
def test_what_is_not_an_image_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.png"
    path.write_bytes(content)
    with pytest.raises(PageError, match=r"odd\.png cannot be opened as an image .*give a PNG"):
        load_ink(path)
    with pytest.raises(PageError, match="none"):
        load_ink(tmp_path / "none.png")


def test_a_page_in_a_report_has_16_greys() -> None:
    ink = RENDERER.draw(CELLS, Tier.BASE)
    data = page_png(ink)
    with Image.open(BytesIO(data)) as image:
        shown = np.asarray(image.convert("L"))
    assert len(np.unique(shown)) <= 16
    assert np.abs(shown.astype(int) - (255 - ink)).mean() < 4
    assert len(data) < ink.size / 8


def test_a_readable_page_is_small_and_in_few_colours() -> None:
    text = "# Title\n\nProse.\n\n```\ncode\n```\n"
    for turns in (text, [Turn(text=text, role="user"), Turn(text="said", role="assistant")]):
        page = render_pages(turns)[0]
        with Image.open(BytesIO(readable_png(page.draw(200).image))) as image:
            assert image.mode == "P"
            assert image.size == (1024, 200)
            assert np.array_equal(np.asarray(image.convert("RGB")), page.pixels[:200])
    plain = BytesIO()
    page.image.convert("RGB").save(plain, "PNG")
    assert len(readable_png(page.image)) < len(plain.getvalue()) / 1.3


def test_images_are_enlarged() -> None:
    ink = np.zeros((4, 6), np.uint8)
    ink[1:3, 2:4] = 255
    large = enlarge(ink, 3)
    assert large.shape == (12, 18)
    assert large[5, 8] > 250
    assert large[0, 0] == 0
    assert np.array_equal(enlarge(ink, 1), ink)
