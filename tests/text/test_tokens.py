"""Tokens counted by DeepSeek's tokenizer, in chunks where a text is long."""

from pathlib import Path

import pytest

from optimem.errors import TokenizerError
from optimem.text import tokens
from optimem.text.tokens import deepseek, text_tokens, tokenizer_file


def test_short_texts_are_counted_without_begin_and_end_marks() -> None:
    assert text_tokens("") == 0
    assert text_tokens("hello") == 1
    assert text_tokens("hello world") == len(deepseek().encode("hello world").ids)


def test_long_text_is_counted_in_chunks_cut_at_white_space(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "the quick brown fox\njumps over the lazy dog " * 40
    whole = text_tokens(text)
    monkeypatch.setattr(tokens, "CHUNK", 100)
    assert text_tokens(text) == whole
    assert text_tokens("x" * 1000) > 0  # no white space to cut at


def test_a_file_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(TokenizerError, match=r"tokenizer\.json"):
        tokenizer_file(path)
