"""Pictures to views, byte for byte as the published preprocessing makes them (PIL)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from optimem.errors import InputError, MissingExtraError
from optimem.model.deepseek_ocr.model import Views
from optimem.model.deepseek_ocr.modes import MOST_TILES, Mode, tile_grid

Picture = Image.Image

PADDING = (127, 127, 127)
PLAIN_RESIZE = 640
"""Bases up to this are resized to a square as they are; above it, and where a page is tiled,
the page is padded to a square."""
PDF_DPI = 144
PDF = b"%PDF"


def open_picture(path: Path) -> Picture:
    """An image file upright and in RGB: PNG, JPEG, WebP, TIFF and what else Pillow reads.
    Raises InputError, naming the file."""
    try:
        with Image.open(path) as image:
            return upright(image)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError) as error:
        raise InputError(f"{path} cannot be read as an image: {error}") from error


def upright(image: Picture) -> Picture:
    """Turned as its EXIF data says, in RGB."""
    return ImageOps.exif_transpose(image).convert("RGB")


def drawn_picture(ink: NDArray[np.uint8]) -> Picture:
    """The picture of a page that was drawn here, from its ink (S, S)."""
    return Image.fromarray(255 - ink).convert("RGB")


def pdf_pages(path: Path, dpi: int = PDF_DPI) -> Iterator[Picture]:
    """The pages of a PDF as images. Raises InputError for a file that is none or is locked,
    MissingExtraError without pypdfium2."""
    try:
        import pypdfium2
    except ImportError as error:
        raise MissingExtraError("PDFs need pypdfium2: pip install 'optimem[pdf]'") from error
    try:
        document = pypdfium2.PdfDocument(path)
    except (pypdfium2.PdfiumError, OSError) as error:
        raise InputError(f"{path} cannot be read as a PDF: {error}") from error
    with document:
        for page in document:
            yield page.render(scale=dpi / 72).to_pil().convert("RGB")


def open_pictures(path: Path) -> Iterator[Picture]:
    """The pages of a PDF, or the one picture of an image file. Raises InputError or
    MissingExtraError."""
    try:
        with path.open("rb") as file:
            is_pdf = file.read(len(PDF)) == PDF
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    return pdf_pages(path) if is_pdf else iter([open_picture(path)])


def views(image: Picture, mode: Mode, most_tiles: int = MOST_TILES) -> Views:
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


def _tiles(image: Picture, side: int, across: int, down: int) -> Iterator[Picture]:
    resized = image.resize((side * across, side * down))
    for row in range(down):
        for column in range(across):
            left, top = column * side, row * side
            yield resized.crop((left, top, left + side, top + side))


def as_values(image: Picture) -> Tensor:
    """Pixels (H, W, 3) as the encoder takes them: (x − 0.5) / 0.5 of x in 0 … 1."""
    pixels = torch.from_numpy(np.array(image, np.uint8))
    return (pixels.float() / 255 - 0.5) / 0.5
