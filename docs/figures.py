"""Draws the figures of docs/how-it-works.md: `make reference`. What they say of tiers comes from
the code."""

from pathlib import Path

from optimem.tiers import Tier

DOCS = Path(__file__).parent
STYLE = (
    "<style>text{font:15px system-ui,sans-serif;fill:#1c1f23}.s{fill:#5d646c;font-size:13px}"
    ".b{fill:#eef4f1;stroke:#0b6e4f;stroke-width:1.5}.p{fill:#fff;stroke:#5d646c}"
    ".g{stroke:#0b6e4f;stroke-width:.6}.a{stroke:#5d646c;stroke-width:1.6;fill:none}"
    ".w{fill:#fff}.t{font-weight:600}</style>"
)
FLOW = (
    ("text", "turns of a", "conversation"),
    ("page", "drawn in a grid", "of 160 × 80 cells"),
    ("vision tokens", "400 to 36 vectors,", "stored"),
    ("cells", "read in one pass,", "with probabilities"),
    ("text", "doubtful characters", "marked"),
)
STEPS = ("draw", "encode", "decode", "spell")
"""What leads from one box of the flow to the next."""


def main() -> None:
    """Write both figures."""
    (DOCS / "flow.svg").write_text(flow(), "utf-8")
    (DOCS / "tiers.svg").write_text(tiers(), "utf-8")


def flow() -> str:
    """From text to vision tokens and back."""
    width, step, parts = 156, 214, list[str]()
    for at, (title, *lines) in enumerate(FLOW):
        x = 10 + at * step
        parts.append(f'<rect class="b" x="{x}" y="20" width="{width}" height="86" rx="8"/>')
        parts.append(_text(x + width / 2, 48, title, "t"))
        parts += [_text(x + width / 2, 70 + 18 * n, line, "s") for n, line in enumerate(lines)]
    for at, name in enumerate(STEPS):
        x = 10 + at * step + width
        parts.append(f'<path class="a" d="M{x + 6} 63h44m-7-5l7 5l-7 5"/>')
        parts.append(_text(x + 28, 54, name, "s"))
    return _svg(20 + 4 * step + width, 126, "From text to vision tokens and back", parts)


def tiers() -> str:
    """Pages of all tiers to scale, with their vision tokens as a grid."""
    x, parts, largest = 10.0, list[str](), max(Tier).value / 6
    for tier in sorted(Tier, reverse=True):
        side = tier.value / 6
        top, cell = 20 + largest - side, side / tier.grid
        parts.append(f'<rect class="p" x="{x:.1f}" y="{top:.1f}" width="{side:.1f}" '
                     f'height="{side:.1f}"/>')  # fmt: skip
        lines = (f"M{x + n * cell:.1f} {top:.1f}v{side:.1f}M{x:.1f} {top + n * cell:.1f}h{side:.1f}"
                 for n in range(1, tier.grid))  # fmt: skip
        parts.append(f'<path class="g" d="{"".join(lines)}"/>')
        middle, below = x + side / 2, 20 + largest
        parts.append(_text(middle, below + 24, tier.label.capitalize(), "t"))
        parts.append(_text(middle, below + 44, f"{tier.value} px", "s"))
        parts.append(_text(middle, below + 62, f"{tier.tokens} tokens", "s"))
        x += max(side, 76) + 26
    return _svg(x, 20 + largest + 76, "The five tiers, to scale, with their vision tokens", parts)


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{text}</text>'


def _svg(width: float, height: float, title: str, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'role="img"><title>{title}</title>{STYLE}'
        f'<rect class="w" width="100%" height="100%"/>{"".join(parts)}</svg>\n'
    )


if __name__ == "__main__":
    main()
