"""Prompts and their token ids."""

from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from optimem.errors import InputError, TokenizerError
from optimem.model.deepseek_ocr.prompts import (
    FREE_OCR,
    IMAGE_ID,
    MARKS,
    DeepSeekTokenizer,
    ask,
    locate,
)


@pytest.fixture
def tokenizer(tmp_path: Path) -> DeepSeekTokenizer:
    """Words for tokens; the image mark is among them, as in the real file."""
    words = {"<unk>": 0, "free": 3, "ocr": 4}
    made = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.add_special_tokens([AddedToken("<|ref|>")])
    made.save(str(tmp_path / "tokenizer.json"))
    return DeepSeekTokenizer(tmp_path / "tokenizer.json", 300)


def test_a_prompt_begins_and_holds_the_image(tokenizer: DeepSeekTokenizer) -> None:
    prompt = tokenizer.prompt("  <image>\nfree ocr ", 3)
    assert prompt.ids == [0, IMAGE_ID, IMAGE_ID, IMAGE_ID, 3, 4]
    assert prompt.images == ((1, 3),)
    two = tokenizer.prompt("<image>free<image>ocr", 2, 1)
    assert two.ids == [0, IMAGE_ID, IMAGE_ID, 3, IMAGE_ID, 4]
    assert two.images == ((1, 2), (4, 1))
    assert tokenizer.prompt("ocr <image> free", 1).ids == [0, 4, IMAGE_ID, 3]


@pytest.mark.parametrize("text", ["free ocr", "<image><image>", ""])
def test_a_prompt_needs_a_mark_for_each_image(tokenizer: DeepSeekTokenizer, text: str) -> None:
    with pytest.raises(InputError, match="1 images needs <image> as often"):
        tokenizer.prompt(text, 3)


def test_special_marks_are_kept_in_text(tokenizer: DeepSeekTokenizer) -> None:
    assert "<|ref|>" in tokenizer.text(tokenizer.prompt("<image><|ref|>free", 0).ids)


def test_prompts_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    assert FREE_OCR == "<image>\nFree OCR."
    assert ask(" What? ") == "<image>\nWhat?"
    assert ask("Same?", 2) == "<image>\n<image>\nSame?"
    assert locate("the title") == "<image>\nLocate <|ref|>the title<|/ref|> in the image."
    for wrong in ("", "a<|/ref|>"):
        with pytest.raises(InputError):
            locate(wrong)
    (tmp_path / "t.json").write_text("{}")
    with pytest.raises(TokenizerError, match="is not a tokenizer"):
        DeepSeekTokenizer(tmp_path / "t.json", 300)


def test_ids_of_another_model_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.json"

    def saved(**ids: int) -> Path:
        words = {"<unk>": 0} | {mark: ids.get(mark.strip("<>"), at) for mark, at in MARKS.items()}
        Tokenizer(models.WordLevel(words, unk_token="<unk>")).save(str(path))
        return path

    DeepSeekTokenizer(saved(), 129_280)
    with pytest.raises(TokenizerError, match="gives <image> the id 99, not 128815"):
        DeepSeekTokenizer(saved(image=99), 129_280)
    with pytest.raises(TokenizerError, match="a token of id 129280, and the model knows 129280"):
        DeepSeekTokenizer(saved(td=129_280), 129_280)
