"""Images as the encoder takes them: from files, cut into views.

A mode says how an image is cut and what that costs in vision tokens, by the rules of the released
model's own code. Preprocessing equals the published one (PIL) to the byte. Knows no model.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from optimem.errors import InputError, MissingExtraError
from optimem.model.deepseek_ocr.model import Views
from optimem.omem.text import select_pages
from optimem.tiers import Tier

RGBImage = Image.Image

UNTILED = 640
"""An image no larger than this on either side is never cut into tiles."""
MAX_TILES = 9
"""As in the model's own code; its vLLM code allows 6."""
UNPADDED = 640
"""Up to this base an untiled image is stretched to a square; otherwise it is padded to one."""
PADDING = (127, 127, 127)
PDF_DPI = 144

_PDF_SIGNATURE = b"%PDF"
_PDF_LOCKED = 4  # PDFium's code for a missing or wrong password
_PAGED = "TIFF"
"""The format whose frames are pages; those of others are animations or previews."""


@dataclass(frozen=True)
class Mode:
    """How an image is cut into views. `base`: side in pixels of the view of the whole image;
    `tile`: side of the tiles that are viewed as well, 0 for none."""

    name: str
    base: int
    tile: int = 0

    def tokens(self, across: int = 0, down: int = 0) -> int:
        """Vision tokens of an image cut into across × down tiles, as the paper counts them."""
        return across * down * (self.tile // 64) ** 2 + (self.base // 64) ** 2

    def positions(self, across: int = 0, down: int = 0) -> int:
        """Positions of the decoder's sequence, newlines and separator included."""
        t, g = self.tile // 64, self.base // 64
        return t * down * (t * across + 1) * (across > 0) + g * (g + 1) + 1

    def valid_tokens(self, width: int, height: int) -> int:
        """Vision tokens of an untiled image that are not padding, as the paper counts them."""
        if self.base <= UNPADDED:
            return self.tokens()
        return int(self.tokens() * min(width, height) / max(width, height))


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


def open_image(path: Path) -> RGBImage:
    """The first image of a file; see `open_images`."""
    return next(open_images(path, [0]))


def open_images(path: Path, pages: Sequence[int] | None = None) -> Iterator[RGBImage]:
    """The images of a file, upright and in RGB: the pages of a PDF or TIFF, or the one image of a
    PNG, JPEG, WebP or whatever else Pillow reads. `pages`: which, from 0; default all.

    Raises InputError, naming the file, if it holds no image, is locked or damaged, or lacks one of
    the pages, and MissingExtraError for a PDF without pypdfium2.
    """
    with _opened(path) as (count, image):
        for index in select_pages(pages, count):
            yield image(index)


def count_images(path: Path) -> int:
    """The number of images in a file, none of which is decoded. Errors as `open_images`, except
    for damage to a single page."""
    with _opened(path) as (count, _):
        return count


def is_pdf(path: Path) -> bool:
    """Whether a file is a PDF, by its first bytes."""
    try:
        with path.open("rb") as file:
            return file.read(len(_PDF_SIGNATURE)) == _PDF_SIGNATURE
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def page_image(ink: NDArray[np.uint8]) -> RGBImage:
    """The image of a page that a renderer drew, from its ink (S, S)."""
    return Image.fromarray(255 - ink).convert("RGB")


def tile_grid(width: int, height: int, tile: int, most: int = MAX_TILES) -> tuple[int, int]:
    """How many tiles of a side of `tile` pixels across and down an image of this size is cut into;
    (0, 0) if it is small enough to stay whole.

    Of all grids of 2 to `most` tiles, the one nearest to the image in shape; of two that are
    equally near, the one with more tiles if the image has more than half its pixels.
    """
    if width <= UNTILED and height <= UNTILED:
        return 0, 0
    grids = [(i, j) for i in range(1, most + 1) for j in range(1, most + 1) if 2 <= i * j <= most]
    best, nearest = (1, 1), float("inf")
    for i, j in sorted(grids, key=lambda grid: grid[0] * grid[1]):
        distance = abs(width / height - i / j)
        large_enough = width * height > 0.5 * tile**2 * i * j
        if distance < nearest or (distance == nearest and large_enough):
            best, nearest = (i, j), distance
    return best


def cut_views(image: RGBImage, mode: Mode, max_tiles: int = MAX_TILES) -> Views:
    """The views of an upright RGB image in a mode."""
    across, down = tile_grid(*image.size, mode.tile, max_tiles) if mode.tile else (0, 0)
    if mode.tile or mode.base > UNPADDED:
        whole = ImageOps.pad(image, (mode.base, mode.base), color=PADDING)
    else:
        whole = image.resize((mode.base, mode.base))
    if not across:
        return Views(_pixels(whole))
    tiles = [_pixels(tile) for tile in _tiles(image, mode.tile, across, down)]
    return Views(_pixels(whole), torch.stack(tiles), across)


def _tiles(image: RGBImage, side: int, across: int, down: int) -> Iterator[RGBImage]:
    resized = image.resize((side * across, side * down))
    for row in range(down):
        for column in range(across):
            left, top = column * side, row * side
            yield resized.crop((left, top, left + side, top + side))


def _pixels(image: RGBImage) -> Tensor:
    """Pixels (H, W, 3), from −1 to 1."""
    pixels = torch.from_numpy(np.array(image, np.uint8))
    return (pixels.float() / 255 - 0.5) / 0.5


@contextmanager
def _opened(path: Path) -> Iterator[tuple[int, Callable[[int], RGBImage]]]:
    """The number of images in a file, and a function that decodes one of them. Whatever goes
    wrong with the file in the block is an InputError, too."""
    with _pdf(path) if is_pdf(path) else _image(path) as images:
        yield images


@contextmanager
def _image(path: Path) -> Iterator[tuple[int, Callable[[int], RGBImage]]]:
    try:
        with Image.open(path) as image:
            count = getattr(image, "n_frames", 1) if image.format == _PAGED else 1
            yield count, partial(_frame, image)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError) as error:
        raise InputError(f"{path} cannot be read as an image: {error}") from error


def _frame(image: Image.Image, index: int) -> RGBImage:
    """A frame of an image file, turned as its EXIF data says."""
    image.seek(index)
    return ImageOps.exif_transpose(image).convert("RGB")


@contextmanager
def _pdf(path: Path) -> Iterator[tuple[int, Callable[[int], RGBImage]]]:
    try:
        import pypdfium2
    except ImportError as error:
        raise MissingExtraError("PDFs need pypdfium2: pip install 'optimem[pdf]'") from error
    try:
        with pypdfium2.PdfDocument(path) as document:
            if not len(document):
                raise InputError(f"{path} has no pages")
            yield len(document), partial(_pdf_page, document)
    except (pypdfium2.PdfiumError, OSError) as error:
        raise InputError(f"{path} cannot be read as a PDF: {_pdf_fault(path, error)}") from error


def _pdf_page(document: Any, index: int) -> RGBImage:
    image: Image.Image = document[index].render(scale=PDF_DPI / 72).to_pil()
    return image.convert("RGB")


def _pdf_fault(path: Path, error: Exception) -> str:
    """What is wrong with a PDF. PDFium reports a PDF without pages as no error, or as that of an
    earlier file, so its word for a password counts only if the file declares encryption."""
    code = getattr(error, "err_code", None)
    if code == _PDF_LOCKED and b"/Encrypt" in path.read_bytes():
        return "it is locked with a password; save a copy without one"
    return "it has no pages" if code in (0, _PDF_LOCKED) else str(error)
