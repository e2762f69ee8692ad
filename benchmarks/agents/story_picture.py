"""Draws the README's picture as SVG, for light and dark pages. Knows no agent and no memory."""

import base64
from collections.abc import Sequence
from html import escape
from textwrap import wrap
from typing import NamedTuple

from optimem.text.wording import ago

WIDTH, HEIGHT = 880, 600
PLOT = (64, 58, 440, 250)
"""Left, top, width and height of the chart."""
BARS = (592, 86, 250)
"""Left, top and width of the shares."""
PAGE = (64, 418, 752)
"""Left, top and width of the piece of the page."""
LETTERS = 104
"""On a line below the page."""
STYLE = (
    "<style>text{font:14px system-ui,sans-serif;fill:#1c1f23}.h{font-weight:600;font-size:15px}"
    ".s{fill:#5d646c;font-size:12.5px}.r{stroke:#d0d5da}.p{stroke:#8a6d00}.o{stroke:#0b6e4f}"
    ".l{fill:none;stroke-width:2.5}.pt{fill:#8a6d00;font-weight:600}"
    ".ot{fill:#0b6e4f;font-weight:600}.t{fill:#e3e7ea}.f{fill:#0b6e4f}.g{fill:#8a6d00}"
    ".b{fill:none;stroke:#c2410c;stroke-width:2.5}.e{text-anchor:end}"
    "@media(prefers-color-scheme:dark){text{fill:#e6e8ea}.s{fill:#a3abb3}.r{stroke:#3a4149}"
    ".p{stroke:#e0b73a}.o{stroke:#3ecf9a}.pt{fill:#e0b73a}.ot{fill:#3ecf9a}.t{fill:#2d333a}"
    ".f{fill:#3ecf9a}.g{fill:#e0b73a}}</style>"
)


class Share(NamedTuple):
    """How many of the facts asked for were in what the model was sent."""

    name: str
    found: int
    asked: int


class Exhibit(NamedTuple):
    """A question and its answer from a faded page. `age`: seconds since it was said. `png`: a piece
    of the page of `size` pixels; `boxes`: of the answer on it, left, top, right and bottom."""

    question: str
    answer: str
    tier: str
    age: float
    png: bytes
    size: tuple[int, int]
    boxes: list[tuple[float, float, float, float]]


class Story(NamedTuple):
    """`plain`, `ours`: tokens of each turn's request, with everything and with optimem."""

    plain: Sequence[int]
    ours: Sequence[int]
    shares: Sequence[Share]
    exhibit: Exhibit


def draw(story: Story) -> str:
    """The picture as SVG."""
    title = "Tokens that an agent's model is sent, and the facts that are among them"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
        f"<title>{title}</title>{STYLE}{_chart(story)}{_shares(story.shares)}"
        f"{_page(story.exhibit)}</svg>\n"
    )


def _chart(story: Story) -> str:
    left, top, width, height = PLOT
    turns, most = len(story.plain), max(story.plain)
    step = 10 ** (len(str(most)) - 1)
    step = step if most > 2 * step else step // 2
    parts = [_text(left - 40, 30, "Tokens that the model is sent, turn by turn", "h")]
    for value in range(0, most + 1, step):
        y = top + height - height * value / most
        parts.append(f'<path class="r" d="M{left} {y:.1f}h{width}"/>')
        parts.append(_text(left - 8, y + 4, f"{value:,}", "s e"))
    for tokens, style in ((story.plain, "p"), (story.ours, "o")):
        points = " ".join(
            f"{left + width * turn / max(turns - 1, 1):.1f},{top + height * (1 - each / most):.1f}"
            for turn, each in enumerate(tokens)
        )
        parts.append(f'<polyline class="l {style}" points="{points}"/>')
    turn = turns * 6 // 10
    above = top + height * (1 - story.plain[turn] / most)
    below = top + height * (1 - max(story.ours[turn:]) / most)
    parts.append(_text(left + width * 0.6 - 10, above - 8, "everything", "pt e"))
    most_sent = f"optimem: at most {max(story.ours):,}"
    parts.append(_text(left + width, max(below - 10, above + 24), most_sent, "ot e"))
    parts.append(_text(left, top + height + 20, "turn 1", "s"))
    parts.append(_text(left + width, top + height + 20, f"turn {turns}", "s e"))
    return "".join(parts)


def _shares(shares: Sequence[Share]) -> str:
    left, top, width = BARS
    parts = [_text(left - 24, 30, f"{shares[0].asked} facts, each stated once:", "h"),
             _text(left - 24, 50, "sent verbatim when asked in other words", "s")]  # fmt: skip
    for row, share in enumerate(shares):
        y, bar = top + 46 * row, width * share.found / share.asked
        style = "f" if share.name.startswith("optimem") else "g"
        parts.append(_text(left - 24, y, share.name, ""))
        parts.append(_text(left + width, y, f"{share.found} of {share.asked}", "e"))
        place = f'x="{left - 24}" y="{y + 7}" height="9" rx="4"'
        parts.append(f'<rect class="t" {place} width="{width + 24}"/>')
        parts.append(f'<rect class="{style}" {place} width="{(width + 24) * bar / width:.1f}"/>')
    return "".join(parts)


def _page(exhibit: Exhibit) -> str:
    left, top, width = PAGE
    scale = width / exhibit.size[0]
    height = exhibit.size[1] * scale
    picture = base64.b64encode(exhibit.png).decode()
    parts = [
        _text(left - 40, top - 42, f"“{exhibit.question}”", "h"),
        _text(left - 40, top - 18, f"Said {ago(exhibit.age)}; its page has faded to "
              f"{exhibit.tier.capitalize()}. The answer, boxed:", "s"),
        f'<image x="{left}" y="{top}" width="{width}" height="{height:.1f}" '
        f'style="image-rendering:pixelated" href="data:image/png;base64,{picture}"/>',
        f'<path class="r" fill="none" d="M{left} {top}h{width}v{height:.1f}h-{width}z"/>',
    ]  # fmt: skip
    for x0, y0, x1, y1 in exhibit.boxes:
        parts.append(
            f'<rect class="b" x="{left + x0 * scale - 2:.1f}" y="{top + y0 * scale - 2:.1f}" '
            f'width="{(x1 - x0) * scale + 4:.1f}" height="{(y1 - y0) * scale + 4:.1f}" rx="3"/>'
        )
    for row, line in enumerate(wrap(f"Read back: {exhibit.answer}", LETTERS)):
        parts.append(_text(left - 40, top + height + 26 + 20 * row, line, "ot"))
    return "".join(parts)


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'
