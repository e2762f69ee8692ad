"""The size of an image by the bytes that a message carries, against Pillow's own files."""

import base64
import io
from typing import Any

import pytest
from PIL import Image

from optimem.prompts.pixels import block_pixels, pixel_size


def written(kind: str, size: tuple[int, int] = (640, 37), **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "teal").save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("GIF", {}), ("JPEG", {}), ("JPEG", {"progressive": True}),
     ("JPEG", {"exif": b"Exif\0\0" + b"x" * 60_000}), ("WEBP", {}), ("WEBP", {"lossless": True}),
     ("WEBP", {"exif": b"Exif\0\0"})],
)  # fmt: skip
def test_the_size_stands_in_the_first_bytes(kind: str, options: dict[str, Any]) -> None:
    data = written(kind, **options)
    assert pixel_size(data) == (640, 37)
    for end in (0, 1, 5, 11, 15, 20, 24):
        assert pixel_size(data[:end]) in (None, (640, 37))


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"hi", b"\x89PNG\r\n\x1a\n" + bytes(16)])
def test_what_is_no_image_has_no_size(data: bytes) -> None:
    assert pixel_size(data) is None


def test_it_is_found_in_every_form_of_a_block() -> None:
    data = base64.b64encode(written("PNG")).decode()
    url = f"data:image/png;base64,{data}"
    blocks: list[dict[str, Any]] = [
        {"type": "image", "base64": data, "mime_type": "image/png"},
        {"type": "image", "source_type": "base64", "data": data},
        {"type": "image", "source": {"type": "base64", "data": data}},
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "image_url", "image_url": url},
        {"type": "input_image", "image_url": url},
        {"type": "image", "inline_data": {"data": data}},
    ]
    assert [block_pixels(block) for block in blocks] == [(640, 37)] * len(blocks)


@pytest.mark.parametrize(
    "block",
    [{}, {"type": "image", "url": "https://example.org/a.png"}, {"image_url": None},
     {"type": "image", "base64": "aGk="}, {"type": "image", "base64": "not base64, ä"},
     {"type": "image", "data": b"bytes"}],
)  # fmt: skip
def test_of_what_is_not_carried_nothing_is_known(block: dict[str, Any]) -> None:
    assert block_pixels(block) is None
