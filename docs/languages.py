"""Draws docs/languages.txt, a sentence in each of the most written languages and some emoji, as
the pages of prompts are drawn: `python docs/languages.py` writes docs/languages.png."""

from pathlib import Path

from optimem import build
from optimem.prompts import PageShape
from optimem.turns import Turn

DOCS = Path(__file__).parent
SHAPE = PageShape(1100, 1100)
SIZE = 16  # pixels


def main() -> None:
    """Write the image."""
    text = (DOCS / "languages.txt").read_text(encoding="utf-8")
    (page,) = build.page_drawer()([Turn(text=text, role="text")], SHAPE, SIZE)
    (DOCS / "languages.png").write_bytes(page.png)


if __name__ == "__main__":
    main()
