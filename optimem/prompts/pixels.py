"""How large the images in messages are: width and height, read from the first bytes of a PNG, JPEG,
GIF or WebP file that a message carries.

Decodes no pixels and fetches nothing: of an image that is only named by its address, nothing is
known.
"""

import base64
import binascii
import struct
from collections.abc import Iterator, Mapping
from typing import Any

Pixels = tuple[int, int]
"""Width and height."""

HEAD = 1 << 18
"""Characters of base64 that are looked at: a photo's size stands behind its metadata."""
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""JPEG's markers of a frame, which states the size."""
_NESTED = ("source", "image_url", "inline_data", "inlineData")
_DATA = ("base64", "data", "url")


def block_pixels(block: Mapping[str, Any]) -> Pixels | None:
    """The size of the image in a block of a message's content, in any provider's form; None if
    the block carries no image, or one of an unknown kind."""
    for text in _carried(block):
        head = text.partition("base64,")[2] if text.startswith("data:") else text
        try:
            data = base64.b64decode(head[: min(HEAD, len(head) - len(head) % 4)], validate=True)
        except (binascii.Error, ValueError):
            continue
        if size := pixel_size(data):
            return size
    return None


def pixel_size(data: bytes) -> Pixels | None:
    """Width and height by an image file's first bytes; None for any other file."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _checked(*struct.unpack_from(">II", data, 16))
        if data[:6] in (b"GIF87a", b"GIF89a"):
            return _checked(*struct.unpack_from("<HH", data, 6))
        if data.startswith(b"\xff\xd8"):
            return _jpeg(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
    except struct.error:  # cut off
        return None
    return None


def _carried(block: Mapping[str, Any]) -> Iterator[str]:
    """The texts of a block that may be an image's data."""
    for name in _NESTED:
        inner = block.get(name)
        if isinstance(inner, str):
            yield inner
        elif isinstance(inner, Mapping):
            yield from _carried(inner)
    yield from (block[name] for name in _DATA if isinstance(block.get(name), str))


def _checked(width: int, height: int) -> Pixels | None:
    return (width, height) if width and height else None


def _jpeg(data: bytes) -> Pixels | None:
    at = 2
    while data[at : at + 1] == b"\xff":
        marker, length = struct.unpack_from(">BH", data, at + 1)
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return _checked(width, height)
        at += 2 + length
    return None


def _webp(data: bytes) -> Pixels | None:
    kind = data[12:16]
    if kind == b"VP8X":
        low = struct.unpack_from("<HBHB", data, 24)
        return low[0] + (low[1] << 16) + 1, low[2] + (low[3] << 16) + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return _checked(width & 0x3FFF, height & 0x3FFF)
    return None
