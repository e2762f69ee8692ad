"""Modes: how a page is cut into views, and what that costs in vision tokens.

The rules of the released model's own code; knows no pixels.

Images to views, byte for byte as the published preprocessing makes them (PIL).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError
from torch import Tensor

from optimem.errors import InputError, MissingExtraError
from optimem.model.deepseek_ocr.model import Views
from optimem.tiers import Tier

TILE_LIMIT = 640
"""A page no larger than this on either side is looked at once, whatever the mode."""

MOST_TILES = 9
"""Of the model's own code; its vLLM code allows 6."""


@dataclass(frozen=True)
class Mode:
    """`base`: side of the whole page in pixels. `tile`: side of the tiles in which the page
    is looked at besides; 0 for none."""

    name: str
    base: int
    tile: int = 0

    def tokens(self, across: int = 0, down: int = 0) -> int:
        """Vision tokens of a page cut into across × down tiles, as the paper counts them."""
        return across * down * (self.tile // 64) ** 2 + (self.base // 64) ** 2

    def positions(self, across: int = 0, down: int = 0) -> int:
        """Positions of the decoder's sequence, newlines and separator included."""
        t, g = self.tile // 64, self.base // 64
        return t * down * (t * across + 1) * (across > 0) + g * (g + 1) + 1


MODES: dict[str, Mode] = {
    mode.name: mode
    for mode in (
        *(Mode(tier.label, tier.value) for tier in Tier if tier > Tier.TRACE),
        Mode("gundam", 1024, 640),
        Mode("gundam-m", 1280, 1024),
    )
}


def parse_mode(name: str) -> Mode:
    """The mode called `name`, in any case. Raises InputError for an unknown one."""
    try:
        return MODES[name.strip().lower()]
    except KeyError:
        known = ", ".join(MODES)
        raise InputError(f"no mode is called {name!r}; choose one of {known}") from None


def valid_tokens(mode: Mode, width: int, height: int) -> int:
    """Tokens of a padded page that show any of it: int(tokens · short side / long side)."""
    return int(mode.tokens() * min(width, height) / max(width, height))


def tile_grid(width: int, height: int, most: int = MOST_TILES) -> tuple[int, int]:
    """How many tiles across and down a page of this size is cut into; (0, 0) if it is small
    enough to be looked at once.

    Of all grids of 2 to `most` tiles the one whose shape is nearest to the page's; of two
    equally near the larger, if the page has more than half its pixels.
    """
    if width <= TILE_LIMIT and height <= TILE_LIMIT:
        return 0, 0
    grids = [(i, j) for i in range(1, most + 1) for j in range(1, most + 1) if 2 <= i * j <= most]
    best, nearest = (1, 1), float("inf")
    for i, j in sorted(grids, key=lambda grid: grid[0] * grid[1]):
        distance = abs(width / height - i / j)
        large_enough = width * height > 0.5 * TILE_LIMIT**2 * i * j
        if distance < nearest or (distance == nearest and large_enough):
            best, nearest = (i, j), distance
    return best


RGBImage = Image.Image

PADDING = (127, 127, 127)
PLAIN_RESIZE = 640
"""Bases up to this are resized to a square as they are; above it, and where a page is tiled,
the page is padded to a square."""
PDF_DPI = 144
PDF = b"%PDF"
LOCKED = 4  # PDFium's code for a missing or wrong password
SEVERAL = "TIFF"
"""The format whose frames are pages; those of others are animations or previews."""


def open_image(path: Path) -> RGBImage:
    """An image file upright and in RGB: PNG, JPEG, WebP, TIFF and what else Pillow reads; of
    several frames the first. Raises InputError, naming the file."""
    with _image(path) as image:
        return upright(image)


def upright(image: RGBImage) -> RGBImage:
    """Turned as its EXIF data says, in RGB."""
    return ImageOps.exif_transpose(image).convert("RGB")


def drawn_image(ink: NDArray[np.uint8]) -> RGBImage:
    """The image of a page that was drawn here, from its ink (S, S)."""
    return Image.fromarray(255 - ink).convert("RGB")


def pdf_pages(path: Path, dpi: int = PDF_DPI) -> Iterator[RGBImage]:
    """The pages of a PDF as images. Raises InputError for a file that is none, is locked or has
    a page that cannot be drawn, MissingExtraError without pypdfium2."""
    with _pdf(path) as document:
        for page in document:
            yield page.render(scale=dpi / 72).to_pil().convert("RGB")


def open_images(path: Path) -> Iterator[RGBImage]:
    """The pages of a PDF or of a TIFF, or the one image of another image file. Raises
    InputError or MissingExtraError."""
    if _is_pdf(path):
        yield from pdf_pages(path)
        return
    with _image(path) as image:
        for frame in ImageSequence.Iterator(image) if image.format == SEVERAL else [image]:
            yield upright(frame)


def count_images(path: Path) -> int:
    """How many `open_images` gives, without drawing them. Errors as there, but for those of
    single pages."""
    if _is_pdf(path):
        with _pdf(path) as document:
            return len(document)
    with _image(path) as image:
        return getattr(image, "n_frames", 1) if image.format == SEVERAL else 1


def _is_pdf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(PDF)) == PDF
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


@contextmanager
def _image(path: Path) -> Iterator[Any]:
    """An image file, opened; what goes wrong with it in the block is an InputError too."""
    try:
        with Image.open(path) as image:
            yield image
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError) as error:
        raise InputError(f"{path} cannot be read as an image: {error}") from error


@contextmanager
def _pdf(path: Path) -> Iterator[Any]:
    """A PDF, opened; what goes wrong with it in the block is an InputError too."""
    try:
        import pypdfium2
    except ImportError as error:
        raise MissingExtraError("PDFs need pypdfium2: pip install 'optimem[pdf]'") from error
    try:
        with pypdfium2.PdfDocument(path) as document:
            if not len(document):
                raise InputError(f"{path} has no pages")
            yield document
    except (pypdfium2.PdfiumError, OSError) as error:
        raise InputError(f"{path} cannot be read as a PDF: {_fault(path, error)}") from error


def _fault(path: Path, error: Exception) -> str:
    """What is wrong with a PDF. PDFium reports no fault for one without pages, or that of an
    earlier file, so a password is believed only of a file that says it is encrypted."""
    code = getattr(error, "err_code", None)
    if code == LOCKED and b"/Encrypt" in path.read_bytes():
        return "it is locked with a password; save a copy without one"
    return "it has no pages" if code in (0, LOCKED) else str(error)


def views(image: RGBImage, mode: Mode, most_tiles: int = MOST_TILES) -> Views:
    """What the encoder sees of an upright RGB image in a mode."""
    across, down = tile_grid(*image.size, most_tiles) if mode.tile else (0, 0)
    if mode.tile or mode.base > PLAIN_RESIZE:
        whole = ImageOps.pad(image, (mode.base, mode.base), color=PADDING)
    else:
        whole = image.resize((mode.base, mode.base))
    if not across:
        return Views(as_values(whole))
    tiles = [as_values(tile) for tile in _tiles(image, mode.tile, across, down)]
    return Views(as_values(whole), torch.stack(tiles), across)


def _tiles(image: RGBImage, side: int, across: int, down: int) -> Iterator[RGBImage]:
    resized = image.resize((side * across, side * down))
    for row in range(down):
        for column in range(across):
            left, top = column * side, row * side
            yield resized.crop((left, top, left + side, top + side))


def as_values(image: RGBImage) -> Tensor:
    """Pixels (H, W, 3) as the encoder takes them: (x − 0.5) / 0.5 of x in 0 … 1."""
    pixels = torch.from_numpy(np.array(image, np.uint8))
    return (pixels.float() / 255 - 0.5) / 0.5
