"""The exact values listed beside pages, and pages that are drawn when they are sent."""

import base64

import freetype
import pytest

from optimem.prompts.pages import (
    EXACT_VALUES_TITLE,
    X_HEIGHT,
    PageImage,
    TextPosition,
    exact_values_by_page,
    exact_values_of,
    format_exact_values,
)
from optimem.renderers.fonts import font_path


def page(*end: int) -> PageImage:
    return PageImage(1, 1, lambda: b"", TextPosition(*end), 12)


def listing(texts: list[str], pages: list[PageImage]) -> list[str]:
    values = [exact_values_of(text) for text in texts]
    return format_exact_values(exact_values_by_page(values, pages))[0].splitlines()


def test_values_are_listed_once_where_they_first_occur_with_the_words_before_them() -> None:
    texts = ["open port 8443172 or 8443172", "port 8443172,\nthe id is a1b2c3d4"]
    pages = [page(0, 12), page(0, len(texts[0])), page(1, len(texts[1]))]
    assert listing(texts, pages) == [
        EXACT_VALUES_TITLE,
        "page 1: open port 8443172",
        "page 3: the id is a1b2c3d4",
    ]
    assert format_exact_values([[], []]) == ("", 0)


def test_a_value_is_on_the_page_where_it_begins() -> None:
    text = "one 1234567 two 7654321"
    shown = listing([text], [page(0, 6), page(0, len(text))])
    assert shown[1:] == ["page 1: one 1234567", "page 2: two 7654321"]


def test_context_ends_at_the_value_before_and_at_the_line() -> None:
    text = "from 123456789 to 987654321\n555666777"
    assert [str(value) for value in exact_values_of(text)] == [
        "from 123456789", "to 987654321", "555666777"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [
        "3f2a9c1e7",
        "IMO-9431147",
        "OPS-20417",
        "$1,234,567.89",
        "https://youtu.be/dQw4w9WgXcQ",
        "+49 1523 5550199",
    ],
)
def test_what_nothing_gives_away_is_listed(value: str) -> None:
    assert exact_values_of(f"it is {value} there")


@pytest.mark.parametrize(
    "value",
    ["1995", "12:30", "2024-05-12", "src/main/utils.py", "/usr/local/bin", "v1.2.3", "sha256",
     "https://example.com/docs/getting-started", "jane.doe@example.com", "0.547", "100ms"],
)  # fmt: skip
def test_what_a_reader_gets_right_is_not(value: str) -> None:
    assert not exact_values_of(f"it is {value} there")


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
