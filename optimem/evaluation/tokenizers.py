"""The tokenizer that ratios are stated in: DeepSeek's, bytes, or that of a `tokenizer.json`.

A ratio says how many of its tokens one vision token replaces, so figures name their tokenizer.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from optimem.errors import TokenizerError
from optimem.text.tokens import deepseek, tokenizer_file

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Vocabulary

DEEPSEEK = "deepseek"
BYTES = "bytes"


class Tokenizer(Protocol):
    """Finds the tokens of a text."""

    @property
    def name(self) -> str:
        """The name shown in reports."""

    def ends(self, text: str) -> list[int]:
        """(T,) the position in `text` after each token."""


@dataclass(frozen=True)
class VocabularyTokenizer:
    """A vocabulary of the `tokenizers` library."""

    name: str
    vocabulary: "Vocabulary"

    def ends(self, text: str) -> list[int]:
        """See `Tokenizer`."""
        offsets = self.vocabulary.encode(text, add_special_tokens=False).offsets
        return [end for _, end in offsets]


@dataclass(frozen=True)
class ByteTokenizer:
    """One token per byte of UTF-8, as a byte-level model pays."""

    name: str = BYTES

    def ends(self, text: str) -> list[int]:
        """See `Tokenizer`."""
        return [at for at, char in enumerate(text, 1) for _ in char.encode()]


def open_tokenizer(name: str) -> Tokenizer:
    """The tokenizer called "deepseek" or "bytes", or that of the `tokenizer.json` at a path.
    Raises TokenizerError for any other name."""
    if name == DEEPSEEK:
        return VocabularyTokenizer(DEEPSEEK, deepseek())
    if name == BYTES:
        return ByteTokenizer()
    if not Path(name).is_file():
        raise TokenizerError(
            f"unknown tokenizer {name!r}; choose {DEEPSEEK}, {BYTES}, or the path of a "
            "tokenizer.json"
        )
    return VocabularyTokenizer(Path(name).name, tokenizer_file(Path(name)))


def count_tokens(text: str, tokenizer: Tokenizer) -> int:
    """The number of tokens in a text."""
    return len(tokenizer.ends(text))


def first_tokens(text: str, count: int, tokenizer: Tokenizer) -> str:
    """The text of the first `count` tokens."""
    ends = tokenizer.ends(text)
    return text if len(ends) <= count else text[: ends[count - 1]]


def last_tokens(text: str, count: int, tokenizer: Tokenizer) -> str:
    """The text of the last `count` tokens."""
    ends = tokenizer.ends(text)
    return text if len(ends) <= count else text[ends[-count - 1] :]
