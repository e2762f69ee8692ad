"""The texts that are measured: the user's, named as given, and some that cannot be guessed.

These controlled corpora tell reading from guessing: a decoder that leans on its language prior
does badly on them (arXiv 2601.03714). They are made from a seed, the same on every machine.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from optimem.errors import InputError, SampleError
from optimem.text.files import read_text_file

INSPECTED = 200_000  # characters of a text that lend their words

NAME = re.compile(r"[\w.+-]+( [\w.+-]+)*")  # it is a heading in tables and reports
LONGEST_NAME = 40
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f|]+")  # would break a line or a table

LINE = 80  # characters of a line of generated items
PRINTABLE = "".join(map(chr, range(33, 127)))
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Corpus(NamedTuple):
    """A text and its name in tables. `controlled`: generated so that nothing in it can be
    guessed."""

    name: str
    text: str
    controlled: bool


def read_file(path: str) -> str:
    """The text of a file, plain or .xz."""
    return read_text_file(Path(path))


def read_corpora(sources: Sequence[str], read: Callable[[str], str] = read_file) -> list[Corpus]:
    """Files of text. A source is a path, by which the text is named, or `name=path`; a name that
    occurs twice is numbered. `read`: gives the text of a path. Raises InputError for
    an unusable name or file, TextError for what is not text, and SampleError for an empty file."""
    corpora = []
    for source in sources:
        name, path = _parse_source(source)
        text = read(path)
        if not text.strip():
            raise SampleError(f"{path} is empty; give a file with text")
        corpora.append(Corpus(name or path_name(path), text, controlled=False))
    return number_duplicates(corpora)


def _parse_source(source: str) -> tuple[str, str]:
    """The name, "" if none is given, and the path."""
    name, equals, path = source.partition("=")
    if not equals or Path(source).exists():
        return "", source
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise InputError(
            f"{name!r} cannot name a text; write NAME=PATH with at most {LONGEST_NAME} "
            "letters, digits and single spaces, such as chat=talk.txt"
        )
    return name, path


def path_name(path: str) -> str:
    """A path as it was given; of a long one the end, from the start of a folder if possible."""
    name = UNPRINTABLE.sub("?", path)
    if len(name) <= LONGEST_NAME:
        return name
    end = name[-LONGEST_NAME + 1 :]
    return "…" + (end[end.index("/") :] if "/" in end else end)


def number_duplicates(corpora: Sequence[Corpus]) -> list[Corpus]:
    """The corpora, each later one of a name already taken numbered: "chat", "chat 2"."""
    found: dict[str, Corpus] = {}
    for corpus in corpora:
        names = (corpus.name, *(f"{corpus.name} {n}" for n in range(2, len(corpora) + 2)))
        free = next(name for name in names if name not in found)
        found[free] = corpus._replace(name=free)
    return list(found.values())


def controlled_corpora(seed: int, size: int, source: str = "") -> list[Corpus]:
    """Corpora of `size` characters that no language prior helps with. `source`: a text whose
    letters are shuffled and whose words are drawn at random; default lower-case ASCII."""
    rng = np.random.default_rng(seed)
    makers: dict[str, Callable[[], str]] = {
        "shuffled letters": lambda: _shuffled_letters(rng, source, size),
        "random words": lambda: _random_words(rng, source, size),
        "random characters": lambda: _draw(rng, PRINTABLE, size),
        "hex": lambda: _fill_lines(lambda: _draw(rng, "0123456789abcdef", 12), size),
        "UUIDs": lambda: _fill_lines(lambda: _uuid(rng), size),
        "digits": lambda: _fill_lines(lambda: _draw(rng, "0123456789", 8), size),
    }
    return [Corpus(name, make()[:size], controlled=True) for name, make in makers.items()]


def _shuffled_letters(rng: np.random.Generator, source: str, size: int) -> str:
    letters = list(source[:size] or _draw(rng, LETTERS + " " * 5, size))
    letters *= -(-size // len(letters))
    rng.shuffle(letters)
    return "".join(letters)


def _random_words(rng: np.random.Generator, source: str, size: int) -> str:
    words = sorted(set(re.findall(r"[^\W\d_]+", source[:INSPECTED])))
    if not words:
        words = [_draw(rng, LETTERS, n) for n in range(2, 12)]
    return _fill_lines(lambda: words[rng.integers(len(words))], size)


def _uuid(rng: np.random.Generator) -> str:
    groups = (8, 4, 4, 4, 12)
    return "-".join(_draw(rng, "0123456789abcdef", count) for count in groups)


def _draw(rng: np.random.Generator, alphabet: str, count: int) -> str:
    return "".join(alphabet[i] for i in rng.integers(len(alphabet), size=count))


def _fill_lines(make: Callable[[], str], size: int) -> str:
    """Items separated by spaces, in lines of at most 80 characters."""
    lines, line, length = [], "", 0
    while length <= size:
        item = make()
        if len(line) + len(item) > LINE:
            lines.append(line)
            length += len(line) + 1
            line = ""
        line = f"{line} {item}" if line else item
    return "\n".join(lines)
