"""What results show in notebooks, as HTML: texts with doubtful characters marked, and sketches
of pages. A sketch needs no pixels, so a result shows itself without its memory."""

from collections.abc import Iterable
from html import escape
from itertools import groupby

from optimem.protocols import REPLACEMENT, Box

PAGE_STYLE = "width:9em;margin:.3em .6em .3em 0;border:1px solid;background:#fff;color:#999"
BOX_COLOUR = "#d33"


def page_sketch(title: str, side: int, boxes: Iterable[Box]) -> str:
    """A page of `side` pixels a side with its lines boxed, as an SVG element."""
    return (
        f'<svg viewBox="0 0 {side} {side}" style="{PAGE_STYLE}" role="img">'
        f"<title>{escape(title)}</title>{''.join(map(_rectangle, boxes))}</svg>"
    )


def _rectangle(box: Box) -> str:
    width, height = box.right - box.left, box.bottom - box.top
    return (
        f'<rect x="{box.left:g}" y="{box.top:g}" width="{width:g}" height="{height:g}" '
        f'fill="{BOX_COLOUR}"/>'
    )


def marked_text(text: str, guess: str) -> str:
    """A text in which each run of uncertain characters is marked and shows the guess."""
    runs = groupby(zip(text, guess, strict=True), key=lambda pair: pair[0] == REPLACEMENT)
    shown = [(doubtful, escape("".join(char for _, char in run))) for doubtful, run in runs]
    return "".join(
        f'<mark title="uncertain">{html}</mark>' if doubtful else html for doubtful, html in shown
    )


def numbered(items: Iterable[tuple[int, str]]) -> str:
    """Items by number, as an HTML list."""
    return f"<ol>{''.join(f'<li value={number}>{html}</li>' for number, html in items)}</ol>"
