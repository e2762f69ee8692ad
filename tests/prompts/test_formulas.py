"""Every formula against the sizes and counts that its provider publishes."""

from dataclasses import dataclass

import pytest

from optimem.prompts.formulas import (
    Crops,
    Fixed,
    Grid,
    ImageFormula,
    Patches,
    Scaled,
    Tiles,
    VisualTokens,
)


@pytest.mark.parametrize(("width", "height", "patches"), [(1024, 1024, 1024), (1800, 2400, 1452)])
def test_published_examples_of_a_budget_of_1536_patches(
    width: int, height: int, patches: int
) -> None:
    assert Patches(1.0, 1536).tokens(width, height) == patches


def test_published_sizes_that_claude_resizes_an_image_to() -> None:
    assert VisualTokens(1568, 1568).resized(1075, 1520) == (924, 1307)
    assert VisualTokens(2576, 4784).resized(1075, 1520) == (1075, 1520)
    assert VisualTokens(1568, 1568).resized(1920, 1080) == (1456, 819)
    assert VisualTokens(2576, 4784).resized(3840, 2160) == (2576, 1449)


@pytest.mark.parametrize(
    ("formula", "width", "height", "tokens"),
    [(Tiles(85, 170), 1024, 1024, 765), (Tiles(85, 170), 2048, 4096, 1105),
     (Tiles(85, 170), 512, 512, 255), (Crops(), 384, 384, 258), (Crops(), 960, 540, 6 * 258),
     (Fixed(1120), 4000, 100, 1120), (Grid(28), 56, 57, 6), (Grid(32, extra=2), 64, 64, 6)],
)  # fmt: skip
def test_counts(formula: ImageFormula, width: int, height: int, tokens: int) -> None:
    assert formula.tokens(width, height) == tokens


def test_a_tall_image_costs_as_much_as_a_wide_one() -> None:
    formula = VisualTokens(1568, 1568)
    assert formula.resized(3000, 2000) == formula.resized(2000, 3000)[::-1]


@pytest.mark.parametrize(
    ("formula", "text"),
    [(Tiles(85, 170), "85 + 170 per 512 px tile"), (Crops(), "258 per crop"),
     (Patches(1.2, 2500), "1.2 × 32 px patches, at most 2500"), (Fixed(1120), "1120"),
     (Grid(32, extra=2), "32 px squares + 2"), (Scaled(Fixed(10), 1.5), "1.500 × (10)"),
     (VisualTokens(1568, 1568), "28 px squares, at most 1568")],
)  # fmt: skip
def test_a_formula_reads_as_text(formula: ImageFormula, text: str) -> None:
    assert str(formula) == text


@dataclass(frozen=True)
class PerArea:
    """A formula of a caller's own."""

    def tokens(self, width: int, height: int) -> int:
        return width * height // 10_000


def test_a_measured_factor_scales_any_formula() -> None:
    assert Scaled(PerArea(), 1.25).tokens(1000, 1000) == 125
