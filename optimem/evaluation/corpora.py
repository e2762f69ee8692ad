"""The texts that are measured: the user's, named by their kind, and some that cannot be guessed.

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

CODE_SUFFIXES = {".py", ".js", ".ts", ".c", ".h", ".cpp", ".rs", ".go", ".java", ".sh", ".sql"}
DATA_SUFFIXES = {".json", ".jsonl", ".log", ".csv", ".yaml", ".yml"}
CHAT_LINE = re.compile(r"^[ \t]*(system|user|assistant|tool|human|ai)[ \t]*:", re.I | re.M)
TABLE_LINE = re.compile(r"^[ \t]*\|.*\|[ \t]*$", re.M)
DATA_LINE = re.compile(r'^[ \t]*(["{\[\]}]|\d{4}-\d\d-\d\d[ T]\d\d:)', re.M)
CODE_LINE = re.compile(
    r"^[ \t]*(def |class |import |return |#include|function |const |if \(|})", re.M
)
LINE_PATTERNS = {"chat": CHAT_LINE, "tables": TABLE_LINE, "data": DATA_LINE, "code": CODE_LINE}
MARKED_LINES = 0.12  # share of lines that makes a text chat, tables, data or code
FOREIGN_LETTERS = 0.15  # share of letters outside ASCII that makes a text mixed scripts
INSPECTED = 200_000  # characters of a text that decide its kind, or lend their words

KIND_NAME = re.compile(r"[\w.+-]+( [\w.+-]+)*")  # it is a heading in tables and reports
LONGEST_NAME = 40

LINE = 80  # characters of a line of generated items
PRINTABLE = "".join(map(chr, range(33, 127)))
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Corpus(NamedTuple):
    """A text and the kind of text it is, which names it in tables. `controlled`: generated so
    that nothing in it can be guessed."""

    kind: str
    text: str
    controlled: bool


def read_corpora(sources: Sequence[str]) -> list[Corpus]:
    """Files of text, plain or .xz. A source is a path, or `kind=path` to name its kind; a kind
    that occurs twice is numbered. Raises InputError for an unusable name or file, TextError for
    what is not text, and SampleError for an empty file."""
    corpora = []
    for source in sources:
        kind, path = _parse_source(source)
        text = read_text_file(Path(path))
        if not text.strip():
            raise SampleError(f"{path} is empty; give a file with text")
        corpora.append(Corpus(kind or classify(path, text), text, controlled=False))
    return number_duplicates(corpora)


def _parse_source(source: str) -> tuple[str, str]:
    """The kind, "" if none is given, and the path."""
    kind, equals, path = source.partition("=")
    if not equals or Path(source).exists():
        return "", source
    if not KIND_NAME.fullmatch(kind) or len(kind) > LONGEST_NAME:
        raise InputError(
            f"{kind!r} cannot name a kind of text; write KIND=PATH with at most {LONGEST_NAME} "
            "letters, digits and single spaces, such as chat=talk.txt"
        )
    return kind, path


def classify(name: str, text: str) -> str:
    """The kind of a text, from its file name and its lines: prose, chat, code, data (JSON,
    logs), tables (Markdown) or mixed scripts."""
    suffix = Path(name.removesuffix(".xz")).suffix.lower()
    if suffix in CODE_SUFFIXES | DATA_SUFFIXES:
        return "code" if suffix in CODE_SUFFIXES else "data"
    text = text[:INSPECTED]
    lines = max(len([line for line in text.splitlines() if line.strip()]), 1)
    for kind, pattern in LINE_PATTERNS.items():
        if len(pattern.findall(text)) / lines > MARKED_LINES:
            return kind
    letters = [char for char in text if char.isalpha()]
    foreign = sum(not char.isascii() for char in letters)
    return "mixed scripts" if letters and foreign / len(letters) > FOREIGN_LETTERS else "prose"


def number_duplicates(corpora: Sequence[Corpus]) -> list[Corpus]:
    """The corpora, each later one of a kind already taken numbered: "prose", "prose 2"."""
    found: dict[str, Corpus] = {}
    for corpus in corpora:
        names = (corpus.kind, *(f"{corpus.kind} {n}" for n in range(2, len(corpora) + 2)))
        kind = next(name for name in names if name not in found)
        found[kind] = corpus._replace(kind=kind)
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
    return [Corpus(kind, make()[:size], controlled=True) for kind, make in makers.items()]


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
