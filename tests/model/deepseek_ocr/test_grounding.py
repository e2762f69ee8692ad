"""GroundedText answers and prompts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimem.model.deepseek_ocr.grounding import GroundedTextStream, Region, parse_grounding
from optimem.protocols import Box

TITLE = "<|ref|>title<|/ref|><|det|>[[0, 0, 999, 100]]<|/det|>"


def test_regions_in_pixels() -> None:
    answer = f"{TITLE}\n# A title\n<|ref|>two<|/ref|><|det|>[[1,2,3,4],[500, 500,999,999]]<|/det|>"
    found = parse_grounding(answer, 2000, 1000)
    assert found.regions == (
        Region("title", (Box(0, 0, 2000, 100),)),
        Region("two", (Box(2, 2, 6, 4), Box(1001, 500, 2000, 1000))),
    )
    assert found.text == "# A title"
    assert found.damaged == ()


@pytest.mark.parametrize(
    "boxes",
    ["", "[]", "[[]]", "[[1,2,3]]", "[[1,2,3,4]", "[[9,9,1,1]]", "[[true,0,3,4]]",
     "[[1,2,3,4]] and more", "__import__('os')", "[[1e3,0,0,0]]", "[[NaN,0,3,4]]", "7",
     "[" * 9999, "[[" + "9" * 5000 + ",0,3,4]]", "[1,2,3,4]", "[[[1],2,3,4]]"],
)  # fmt: skip
def test_damaged_regions_are_told_apart(boxes: str) -> None:
    found = parse_grounding(f"a<|ref|>x<|/ref|><|det|>{boxes}<|/det|>b{TITLE}", 10, 10)
    assert [region.label for region in found.regions] == ["title"]
    assert len(found.damaged) == 1
    assert found.text == "ab"


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ("[[0, 0, 1000, 500]]", [Box(0, 0, 999, 500)]),
        ("[[-3, 0, 12.5, 99999]]", [Box(0, 0, 12, 999)]),
        ("[[5, 5, 1, 1], [1, 2, 3, 4], [7, 8]]", [Box(1, 2, 3, 4)]),
        (" [[1,2,3,4],\n[5,6,7,8]] ", [Box(1, 2, 3, 4), Box(5, 6, 7, 8)]),
    ],
)
def test_boxes_are_kept_as_published(boxes: str, expected: list[Box]) -> None:
    found = parse_grounding(f"<|ref|>x<|/ref|><|det|>{boxes}<|/det|>", 999, 999)
    assert [list(region.boxes) for region in found.regions] == [expected]
    assert len(found.damaged) == ("5, 5, 1, 1" in boxes)


@given(st.text(st.sampled_from("[]<>|/refdt0129, a\n"), max_size=80), st.integers(0, 60))
def test_nothing_the_model_writes_breaks_the_parser(noise: str, cut: int) -> None:
    found = parse_grounding(TITLE[:cut] + noise + TITLE, 100, 50)
    for region in found.regions:
        for box in region.boxes:
            assert 0 <= box.left <= box.right <= 100
            assert 0 <= box.top <= box.bottom <= 50


def streamed(pieces: list[str]) -> list[str]:
    """What is certain after each piece, and at the end."""
    stream = GroundedTextStream()
    return [*map(stream.feed, pieces), stream.end()]


SCRAPS = st.sampled_from(
    [TITLE, "<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "<|grounding|>", "[[1,2,3,4]]", "<", "|",
     "<|re", "f|>", "a", "# b", " ", "\n", "\t", "日"]
)  # fmt: skip


@given(st.lists(SCRAPS, max_size=12), st.data())
def test_a_stream_says_together_what_the_whole_says(scraps: list[str], data: st.DataObject) -> None:
    answer = "".join(scraps)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(answer)), max_size=8)))
    pieces = [answer[a:b] for a, b in zip([0, *cuts], [*cuts, len(answer)], strict=True)]
    assert "".join(streamed(pieces)) == parse_grounding(answer, 100, 100).text


def test_a_stream_holds_nothing_back_without_need() -> None:
    assert streamed(["  # A", " title \n", "<b> 1 < 2", TITLE[:9], TITLE[9:], "x ", " "]) == [
        "# A", " title", " \n<b> 1 < 2", "", "", "x", "", "",
    ]  # fmt: skip
