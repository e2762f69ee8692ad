"""Modes and preprocessing, with PIL and the published rules written out as oracles."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from optimem.errors import InputError
from optimem.model.deepseek_ocr.images import (
    MODES,
    count_images,
    cut_views,
    open_image,
    open_images,
    parse_mode,
    tile_grid,
)


def image(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(width * height).integers(0, 255, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


def values(image: Image.Image) -> torch.Tensor:
    return (torch.from_numpy(np.array(image)).float() / 255 - 0.5) / 0.5


def published_grid(width: int, height: int, side: int, most: int) -> tuple[int, int]:
    """dynamic_preprocess and find_closest_aspect_ratio of the model's own code."""
    ratios = {
        (i, j)
        for n in range(2, most + 1)
        for i in range(1, n + 1)
        for j in range(1, n + 1)
        if 2 <= i * j <= most
    }
    best, difference = (1, 1), float("inf")
    for ratio in sorted(ratios, key=lambda x: x[0] * x[1]):
        off = abs(width / height - ratio[0] / ratio[1])
        if off < difference:
            best, difference = ratio, off
        elif off == difference and width * height > 0.5 * side * side * ratio[0] * ratio[1]:
            best = ratio
    return best


@pytest.mark.parametrize(
    ("name", "tokens", "positions"),
    [("tiny", 64, 73), ("small", 100, 111), ("base", 256, 273), ("large", 400, 421)],
)
def test_counts_of_the_paper(name: str, tokens: int, positions: int) -> None:
    assert (MODES[name].tokens(), MODES[name].positions()) == (tokens, positions)


def test_counts_of_tiled_modes() -> None:
    assert MODES["gundam"].tokens(3, 2) == 100 * 6 + 256
    assert MODES["gundam"].positions(3, 2) == 10 * 2 * (10 * 3 + 1) + 273
    assert MODES["gundam-m"].tokens(2, 1) == 256 * 2 + 400
    assert MODES["gundam-m"].positions(2, 1) == 16 * (16 * 2 + 1) + 421
    assert MODES["gundam"].positions() == 273


def test_valid_tokens_of_a_padded_page() -> None:
    assert MODES["base"].valid_tokens(1000, 750) == int(256 * 0.75)


@pytest.mark.parametrize("most", [6, 9])
@pytest.mark.parametrize("side", [640, 1024])
@pytest.mark.parametrize("size", [(1654, 2339), (2339, 1654), (800, 800), (641, 10), (700, 350),
                                  (3000, 1000), (1280, 1280), (900, 600), (641, 641),
                                  (1920, 1080), (3840, 2160)])  # fmt: skip
def test_the_grid_is_the_published_one(size: tuple[int, int], side: int, most: int) -> None:
    i, j = tile_grid(*size, side, most)
    pi, pj = published_grid(*size, side, most)
    assert abs(i / j - pi / pj) < 1e-9  # equal products may come in either order
    assert (i * j) == (pi * pj)


@pytest.mark.parametrize(("most", "side"), [(6, 640), (9, 640), (9, 1024), (32, 640)])
def test_the_grid_is_that_of_transformers(most: int, side: int) -> None:
    """At all shapes from slips to banners, small and large."""
    published = pytest.importorskip("transformers.models.got_ocr2.image_processing_pil_got_ocr2")
    sides = [*range(641, 4200, 167), 1280, 1920, 2560]
    for width, height in product(sides, sides):
        wanted = published.get_optimal_tiled_canvas((height, width), (side, side), 2, most)
        assert tile_grid(width, height, side, most) == wanted, (width, height)


def test_a_screen_in_the_largest_mode() -> None:
    views = cut_views(image(1920, 1080), MODES["gundam-m"])
    assert views.tiles is not None
    assert (views.across, len(views.tiles)) == (2, 2)


def test_a_small_page_is_not_tiled() -> None:
    assert tile_grid(640, 640, 640) == (0, 0)
    assert cut_views(image(600, 400), MODES["gundam"]).tiles is None


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_small_modes_resize(name: str) -> None:
    scan, side = image(300, 500), MODES[name].base
    assert torch.equal(cut_views(scan, MODES[name]).overview, values(scan.resize((side, side))))


@pytest.mark.parametrize("name", ["base", "large", "gundam", "gundam-m"])
def test_large_modes_pad(name: str) -> None:
    scan, side = image(300, 500), MODES[name].base
    expected = ImageOps.pad(scan, (side, side), color=(127, 127, 127))
    assert torch.equal(cut_views(scan, MODES[name]).overview, values(expected))


def test_tiles_are_cut_row_by_row() -> None:
    scan = image(1300, 900)
    views = cut_views(scan, MODES["gundam"])
    across, down = tile_grid(1300, 900, 640)
    assert views.across == across
    assert views.tiles is not None
    resized = scan.resize((640 * across, 640 * down))
    for at, tile in enumerate(views.tiles):
        row, column = divmod(at, across)
        box = (640 * column, 640 * row, 640 * (column + 1), 640 * (row + 1))
        assert torch.equal(tile, values(resized.crop(box)))


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "tiff"])
def test_files_are_turned_upright(tmp_path: Path, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    image(80, 40).save(tmp_path / "p", kind, exif=exif)
    assert open_image(tmp_path / "p").size == (40, 80)


@pytest.mark.parametrize("data", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + b"x" * 40])
def test_what_is_no_image_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "p.png").write_bytes(data)
    with pytest.raises(InputError, match=r"p\.png cannot be read"):
        open_image(tmp_path / "p.png")


def test_pages_of_a_pdf(tmp_path: Path) -> None:
    pytest.importorskip("pypdfium2")
    pages = [image(200, 300), image(300, 200)]
    pages[0].save(tmp_path / "p.pdf", save_all=True, append_images=pages[1:])
    assert [page.size[0] > page.size[1] for page in open_images(tmp_path / "p.pdf")] == [
        False,
        True,
    ]
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.4 nothing")
    with pytest.raises(InputError, match=r"bad\.pdf cannot be read"):
        next(open_images(tmp_path / "bad.pdf"))


def test_an_unknown_mode_is_named() -> None:
    assert parse_mode(" Gundam-M ") is MODES["gundam-m"]
    with pytest.raises(InputError, match="no mode is called 'huge'"):
        parse_mode("huge")


def test_every_page_of_a_tiff_counts_and_no_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (20 + at, 10), (at, 0, 0)) for at in range(3)]
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    for name in ("p.tiff", "p.gif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], exif=exif)
    sizes = [image.size for image in open_images(tmp_path / "p.tiff")]
    assert sizes[0] == (10, 20)
    assert len(sizes) == count_images(tmp_path / "p.tiff") == 3
    assert len(list(open_images(tmp_path / "p.gif"))) == count_images(tmp_path / "p.gif") == 1
