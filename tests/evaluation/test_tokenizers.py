"""Tokens are counted and cut where they end."""

from pathlib import Path

import pytest

from optimem.errors import TokenizerError
from optimem.evaluation.tokenizers import (
    count_tokens,
    first_tokens,
    last_tokens,
    open_tokenizer,
)
from optimem.text.tokens import text_tokens
from tests.evaluation.small import PROSE


@pytest.mark.parametrize("name", ["deepseek", "bytes"])
def test_tokens_are_cut_where_they_end(name: str) -> None:
    tokenizer = open_tokenizer(name)
    head = first_tokens(PROSE.text, 50, tokenizer)
    tail = last_tokens(PROSE.text, count_tokens(PROSE.text, tokenizer) - 50, tokenizer)
    assert head + tail == PROSE.text
    assert first_tokens("short", 50, tokenizer) == last_tokens("short", 50, tokenizer) == "short"


def test_counts() -> None:
    assert count_tokens("naïve", open_tokenizer("bytes")) == 6
    assert count_tokens(PROSE.text, open_tokenizer("deepseek")) == text_tokens(PROSE.text)


def test_a_tokenizer_file(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(tmp_path / "tokenizer.json"))
    tokenizer = open_tokenizer(str(tmp_path / "tokenizer.json"))
    assert (tokenizer.name, tokenizer.ends("a b c")) == ("tokenizer.json", [1, 3, 5])
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(TokenizerError, match=r"not a tokenizer\.json|no tokenizer\.json"):
        open_tokenizer(str(tmp_path / "tokenizer.json"))


def test_an_unknown_tokenizer_is_named() -> None:
    with pytest.raises(TokenizerError, match="unknown tokenizer 'gpt-9'"):
        open_tokenizer("gpt-9")
