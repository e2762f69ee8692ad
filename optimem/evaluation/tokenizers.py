"""Whose tokens are counted: DeepSeek's, bytes, or those of a `tokenizer.json`.

A ratio says how many of these a vision token stands for, so it is stated with its tokenizer.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from optimem.errors import TokenizerError
from optimem.text.tokens import deepseek, tokenizer_file

if TYPE_CHECKING:
    from tokenizers import Tokenizer

DEEPSEEK = "deepseek"
BYTES = "bytes"


class Counter(Protocol):
    """Counts the tokens of a text and finds where one ends."""

    @property
    def name(self) -> str:
        """How reports call it."""

    def ends(self, text: str) -> list[int]:
        """(T,) the character at which each token ends."""


@dataclass(frozen=True)
class Vocabulary:
    """A vocabulary of the `tokenizers` library."""

    name: str
    tokenizer: "Tokenizer"

    def ends(self, text: str) -> list[int]:
        """See `Counter`."""
        offsets = self.tokenizer.encode(text, add_special_tokens=False).offsets
        return [end for _, end in offsets]


@dataclass(frozen=True)
class Bytes:
    """One token a byte of UTF-8, as a byte-level model pays."""

    name: str = BYTES

    def ends(self, text: str) -> list[int]:
        """See `Counter`."""
        return [at for at, char in enumerate(text, 1) for _ in char.encode()]


def counter(name: str) -> Counter:
    """The counter called "deepseek" (default everywhere) or "bytes", or that of a
    tokenizer.json. Raises TokenizerError for any other name."""
    if name == DEEPSEEK:
        return Vocabulary(DEEPSEEK, deepseek())
    if name == BYTES:
        return Bytes()
    if not Path(name).is_file():
        raise TokenizerError(
            f"no tokenizer is called {name!r}; choose {DEEPSEEK}, {BYTES}, or give the path of a "
            "tokenizer.json"
        )
    return Vocabulary(Path(name).name, tokenizer_file(Path(name)))


def first_tokens(text: str, count: int, tokens: Counter) -> str:
    """The text of the first `count` tokens."""
    ends = tokens.ends(text)
    return text if len(ends) <= count else text[: ends[count - 1]]


def last_tokens(text: str, count: int, tokens: Counter) -> str:
    """The text of the last `count` tokens."""
    ends = tokens.ends(text)
    return text if len(ends) <= count else text[ends[-count - 1] :]
