"""GroundedText answers and prompts."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from optimem.errors import InputError, TokenizerError
from optimem.model.deepseek_ocr.grounding import Region, parse_grounding
from optimem.model.deepseek_ocr.prompts import FREE_OCR, IMAGE_ID, DeepSeekTokenizer, ask, locate
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
    ["", "[]", "[[]]", "[[1,2,3]]", "[[1,2,3,4]", "[[9,9,1,1]]", "[[0,0,1000,5]]",
     "[[1,2,3,4]] and more", "__import__('os')", "[[1e3,0,0,0]]", "[[-1,0,3,4]]"],
)  # fmt: skip
def test_damaged_regions_are_told_apart(boxes: str) -> None:
    found = parse_grounding(f"a<|ref|>x<|/ref|><|det|>{boxes}<|/det|>b{TITLE}", 10, 10)
    assert [region.label for region in found.regions] == ["title"]
    assert len(found.damaged) == 1
    assert found.text == "ab"


@given(st.text(st.sampled_from("[]<>|/refdt0129, a\n"), max_size=80), st.integers(0, 60))
def test_nothing_the_model_writes_breaks_the_parser(noise: str, cut: int) -> None:
    found = parse_grounding(TITLE[:cut] + noise + TITLE, 100, 50)
    for region in found.regions:
        for box in region.boxes:
            assert 0 <= box.left <= box.right <= 100
            assert 0 <= box.top <= box.bottom <= 50


@pytest.fixture
def tokenizer(tmp_path: Path) -> DeepSeekTokenizer:
    """Words for tokens; the image mark is among them, as in the real file."""
    words = {"<unk>": 0, "free": 3, "ocr": 4}
    made = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.add_special_tokens([AddedToken("<|ref|>")])
    made.save(str(tmp_path / "tokenizer.json"))
    return DeepSeekTokenizer(tmp_path / "tokenizer.json")


def test_a_prompt_begins_and_holds_the_image(tokenizer: DeepSeekTokenizer) -> None:
    prompt = tokenizer.prompt("  <image>\nfree ocr ", 3)
    assert prompt.ids == [0, IMAGE_ID, IMAGE_ID, IMAGE_ID, 3, 4]
    assert (prompt.start, prompt.image) == (1, 3)
    assert tokenizer.prompt("ocr <image> free", 1).ids == [0, 4, IMAGE_ID, 3]


@pytest.mark.parametrize("text", ["free ocr", "<image><image>", ""])
def test_a_prompt_needs_one_image(tokenizer: DeepSeekTokenizer, text: str) -> None:
    with pytest.raises(InputError, match="exactly once"):
        tokenizer.prompt(text, 3)


def test_special_marks_are_kept_in_text(tokenizer: DeepSeekTokenizer) -> None:
    assert "<|ref|>" in tokenizer.text(tokenizer.prompt("<image><|ref|>free", 0).ids)


def test_prompts_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    assert FREE_OCR == "<image>\nFree OCR."
    assert ask(" What? ") == "<image>\nWhat?"
    assert locate("the title") == "<image>\nLocate <|ref|>the title<|/ref|> in the image."
    for wrong in ("", "a<|/ref|>"):
        with pytest.raises(InputError):
            locate(wrong)
    (tmp_path / "t.json").write_text("{}")
    with pytest.raises(TokenizerError, match="is not a tokenizer"):
        DeepSeekTokenizer(tmp_path / "t.json")
