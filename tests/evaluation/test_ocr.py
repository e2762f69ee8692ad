"""Other readers on real pages: what they are given, and in which order their lines come."""

import os
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from optimem.build import nano_codec
from optimem.evaluation.baselines import Means, Page, baselines, line_end
from optimem.evaluation.peers import rows, times
from optimem.evaluation.tokenizers import counter
from optimem.renderers.images import enlarge
from optimem.tiers import Tier

TEXT = (
    "The keeper of the lock wrote down every boat that passed, its master, and what it carried. "
    "On the first of May there were eleven of them, nine with coal and two with nothing at all, "
) * 6  # seven rows of a page
INSTALLED = {
    "tesseract": shutil.which("tesseract"),
    "rapidocr": find_spec("rapidocr") and find_spec("onnxruntime"),
}


@pytest.mark.parametrize(("name", "tier"), [
    ("tesseract", Tier.LARGE), ("tesseract", Tier.SMALL),
    ("rapidocr", Tier.LARGE), ("rapidocr", Tier.SMALL),
])  # fmt: skip
def test_other_readers_read_our_pages(name: str, tier: Tier) -> None:
    if not INSTALLED[name]:
        told = f"{name} is not installed"
        pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)
    means = Means(nano_codec().renderer, counter("deepseek"), 0)
    read = baselines([name])[name](Page(TEXT, tier, 1000), means)
    assert Levenshtein.normalized_similarity(TEXT, read) > (0.97 if tier == Tier.LARGE else 0.85)


def test_lines_are_read_from_top_to_bottom_and_within_one_from_the_left() -> None:
    def box(left: float, top: float) -> list[list[float]]:
        return [[left, top], [left + 90, top], [left + 90, top + 8], [left, top + 8]]

    boxes = np.array([box(100, 1), box(0, 8), box(0, 0), box(0, 24), box(0, 16)], np.float32)
    assert rows(boxes, "BCADE") == ["A B", "C", "E", "D"]
    assert rows(boxes[:1], ["only"]) == ["only"]


def test_a_page_is_enlarged_to_the_size_that_readers_need() -> None:
    for tier, side in ((Tier.LARGE, 1280), (Tier.BASE, 2048), (Tier.TINY, 1536)):
        ink = np.full((tier.value, tier.value), 7, np.uint8)
        assert (enlarge(ink, times(ink)) == np.full((side, side), 7)).all()


def test_text_that_flows_has_no_line_ends() -> None:
    assert line_end(nano_codec().renderer) == ""
