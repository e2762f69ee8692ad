"""The readable style: everything is drawn, in order, inside the margins, and always the same."""

import subprocess
import sys
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimem.errors import InputError
from optimem.renderers.readable import ReadablePage, render_pages
from optimem.renderers.shaping import shape
from optimem.renderers.style import PAPER, ReadableStyle
from optimem.renderers.typefaces import Font
from optimem.turns import Turn

BODY = Font(18)
TEXT = st.characters(codec="utf-8", exclude_characters="\0")
MARKDOWN = (
    "# Title\n\nSome *prose*.\n\n```\ncode  here\n```\n\n| a | bc |\n|---|----|\n| d | ef |\n"
)


def digest(pages: list[ReadablePage]) -> str:
    return sha256(b"".join(page.pixels.tobytes() for page in pages)).hexdigest()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(TEXT, max_size=200), min_size=1, max_size=3))
def test_every_character_is_on_a_page_once_and_in_order(texts: list[str]) -> None:
    if not any(texts):
        return
    turns = [Turn(text=text) for text in texts]
    pages = render_pages(turns, ReadableStyle(width=400, height=300, margin=20, size=12))
    covered = [(span.turn, span.start, span.end) for page in pages for span in page.spans]
    for number, text in enumerate(texts):
        own = [(start, end) for turn, start, end in covered if turn == number]
        assert own[0][0] == 0
        assert own[-1][1] == len(text)
        assert all(a[1] == b[0] for a, b in pairwise(own))


def test_the_same_input_gives_the_same_bytes_in_another_process() -> None:
    program = (
        "from hashlib import sha256\n"
        "from optimem.renderers.readable import render_pages\n"
        "pages = render_pages('Same שלום 世界 🚨 ' * 30)\n"
        "print(sha256(b''.join(p.pixels.tobytes() for p in pages)).hexdigest())\n"
    )
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == digest(render_pages("Same שלום 世界 🚨 " * 30))


def test_nothing_is_drawn_in_the_margins() -> None:
    text = MARKDOWN + "Long words: " + "w" * 300 + " שלום " * 40 + "世界" * 90
    for page in render_pages([Turn(text=text)]):
        inside = np.zeros(page.pixels.shape[:2], bool)
        inside[46:-46, 46:-46] = True
        assert (page.pixels[~inside] == PAPER).all()


def test_pages_follow_one_another_and_a_turn_may_span_them() -> None:
    turns = [Turn(text="short"), Turn(text="word " * 3000, role="assistant"), Turn(text="end")]
    pages = render_pages(turns)
    assert len(pages) > 1
    assert {span.turn for span in pages[0].spans} == {0, 1}
    assert pages[-1].spans[-1].turn == 2


def test_tables_and_code_are_monospaced_and_aligned() -> None:
    mono = Font(18, mono=True)
    widths = [shape(row, mono, False).width for row in ("| a | bc |", "|---|----|", "| d | ef |")]
    assert len(set(widths)) == 1
    kinds = render_pages(MARKDOWN)[0].spans
    tinted = [render_pages(MARKDOWN)[0].pixels[int(s.box.top) + 2, 960].tolist() for s in kinds]
    lines = MARKDOWN.splitlines()
    in_box = [line for line, pixel in zip(lines, tinted, strict=False) if pixel != list(PAPER)]
    assert in_box == ["```", "code  here", "```", "| a | bc |", "|---|----|", "| d | ef |"]


@pytest.mark.parametrize("mark", ["- ", "   12. ", "  * "])
def test_the_rest_of_a_list_item_stands_below_its_text(mark: str) -> None:
    (column,) = render_pages("- x\n" + mark + "word " * 60)[0].columns
    first, *rest = (row.line.parts for row, _ in column[1:])
    assert len(rest) >= 2
    assert {parts[0][0] for parts in rest} == {first[1][0]}
    assert first[1][0] > 0


def test_headings_are_larger_and_roles_have_their_colours() -> None:
    page = render_pages([Turn(text="# Big\nsmall", role="assistant")])[0]
    assert page.spans[0].box.bottom - page.spans[0].box.top > 30
    colours = {tuple(pixel) for pixel in page.pixels.reshape(-1, 3).tolist()}
    assert ReadableStyle().colours["assistant"] in colours
    assert ReadableStyle().colours["user"] not in colours


def test_no_text_and_no_room_are_named() -> None:
    with pytest.raises(InputError, match="no text to draw"):
        render_pages([Turn(text="")])
    with pytest.raises(InputError, match="no room for text"):
        ReadableStyle(width=100, margin=48)


def test_pages_are_saved(tmp_path: Path) -> None:
    page = render_pages("saved")[0]
    page.save(tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert page.image.size == (1024, 1024)
