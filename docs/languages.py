"""Draws docs/languages.txt, a sentence in each of the most written languages and some emoji, in
every style: `python docs/languages.py` writes docs/languages.png (as the pages of prompts are
drawn), docs/languages-dense.png and docs/languages-ruled.png (as the memory's are)."""

from pathlib import Path

import numpy as np

from optimem import build
from optimem.prompts import PageShape
from optimem.renderers.dense import DenseRenderer
from optimem.renderers.images import save_page
from optimem.renderers.ruled import RuledRenderer
from optimem.tiers import Tier
from optimem.turns import Turn

DOCS = Path(__file__).parent
SHAPE = PageShape(1100, 1100)
SIZE = 16  # pixels


def main() -> None:
    """Write the images."""
    text = (DOCS / "languages.txt").read_text(encoding="utf-8")
    (page,) = build.page_drawer()([Turn(text=text, role="text")], SHAPE, SIZE)
    (DOCS / "languages.png").write_bytes(page.png)
    for name, renderer in (("dense", DenseRenderer()), ("ruled", RuledRenderer())):
        cells = renderer.cells(text)
        ink = renderer.page(cells[: renderer.split(cells, renderer.capacity)]).image(Tier.LARGE)
        save_page(ink[: np.flatnonzero(ink.any(axis=1))[-1] + 12], DOCS / f"languages-{name}.png")


if __name__ == "__main__":
    main()
