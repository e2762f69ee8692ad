"""Pages that are drawn when they are sent."""

import base64

import freetype
import pytest

from optimem.prompts.pages import X_HEIGHT, PageImage, TextPosition
from optimem.renderers.fonts import font_path


def test_the_x_height_is_the_typefaces() -> None:
    face = freetype.Face(str(font_path("DejaVuSans")))
    face.set_pixel_sizes(1000, 1000)
    face.load_char("x", freetype.FT_LOAD_NO_HINTING)
    assert face.glyph.metrics.height / 64000 == pytest.approx(X_HEIGHT, abs=0.001)


def test_a_page_is_drawn_once_and_only_when_it_is_sent() -> None:
    drawn: list[bytes] = []

    def draw() -> bytes:
        drawn.append(b"\x89PNG")
        return drawn[-1]

    one = PageImage(8, 8, draw, TextPosition(0, 1), 12)
    assert drawn == []
    assert base64.b64decode(one.base64) == one.png == b"\x89PNG"
    assert len(drawn) == 1
