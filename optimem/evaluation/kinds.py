"""A file of text, plain UTF-8 or .xz: read, or refused with what to do about it.

Which texts are measured: the user's, named by what they are, and some that nobody can guess.

The prior-controlled kinds tell reading from guessing: a reader that leans on its language
falls on them (arXiv 2601.03714). They come from a seed and are the same on every machine.
"""

import lzma
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from optimem.errors import InputError, SampleError, TextError
from optimem.turns import checked_text


def read_source(path: Path) -> str:
    """The text of a file. Raises InputError if it cannot be opened, TextError if it holds no
    UTF-8 text."""
    from optimem.training.pages import SEPARATOR

    try:
        data = path.read_bytes()
        data = lzma.decompress(data) if path.suffix == ".xz" else data
    except lzma.LZMAError as error:
        raise TextError(
            f"{path} is no .xz file ({error}); compress it again, or give it plain"
        ) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; give a file of text") from error
    try:
        return checked_text(data.decode("utf-8")).replace(SEPARATOR, "\n")
    except UnicodeDecodeError as error:
        raise TextError(
            f"{path} is not UTF-8 text: byte {error.start} is 0x{data[error.start]:02x}; convert "
            "it first (iconv -f LATIN1 -t UTF-8), or give a text file"
        ) from None
    except TextError as error:
        raise TextError(f"{path} is not text: {error}") from None


CODE_NAMES = {".py", ".js", ".ts", ".c", ".h", ".cpp", ".rs", ".go", ".java", ".sh", ".sql"}
DATA_NAMES = {".json", ".jsonl", ".log", ".csv", ".yaml", ".yml"}
CHAT_LINE = re.compile(r"^[ \t]*(system|user|assistant|tool|human|ai)[ \t]*:", re.I | re.M)
TABLE_LINE = re.compile(r"^[ \t]*\|.*\|[ \t]*$", re.M)
DATA_LINE = re.compile(r'^[ \t]*(["{\[\]}]|\d{4}-\d\d-\d\d[ T]\d\d:)', re.M)
CODE_LINE = re.compile(
    r"^[ \t]*(def |class |import |return |#include|function |const |if \(|})", re.M
)
NAME = re.compile(r"[\w.+-]+( [\w.+-]+)*")  # of a kind: it is a heading in tables and reports
LONGEST_NAME = 40
MARKED_LINES = 0.12  # share of lines that make a text chat, table, data or code
FOREIGN_SHARE = 0.15  # share of letters outside ASCII that makes a text one of mixed scripts
LOOKED_AT = 200_000  # characters of a text that tell its kind, or lend their words
LINE = 80
PRINTABLE = "".join(map(chr, range(33, 127)))


class Kind(NamedTuple):
    """A text and what it is. `controlled`: made so that nothing in it can be guessed."""

    name: str
    text: str
    controlled: bool


def classify(name: str, text: str) -> str:
    """What a text is, by its file name and its lines: prose, chat, code, data (JSON, logs),
    tables (Markdown) or mixed scripts."""
    stem = name.removesuffix(".xz")
    if Path(stem).suffix.lower() in CODE_NAMES | DATA_NAMES:
        return "code" if Path(stem).suffix.lower() in CODE_NAMES else "data"
    text = text[:LOOKED_AT]
    lines = max(len([line for line in text.splitlines() if line.strip()]), 1)
    marks = {"chat": CHAT_LINE, "tables": TABLE_LINE, "data": DATA_LINE, "code": CODE_LINE}
    for kind, pattern in marks.items():
        if len(pattern.findall(text)) / lines > MARKED_LINES:
            return kind
    letters = [char for char in text if char.isalpha()]
    foreign = sum(not char.isascii() for char in letters)
    return "mixed scripts" if letters and foreign / len(letters) > FOREIGN_SHARE else "prose"


def read_kinds(sources: Sequence[str]) -> list[Kind]:
    """Texts of files, plain or .xz. A source is a path, or `kind=path` to name what it is;
    two files of one kind are numbered. Raises InputError for a name that is none, TextError for
    what is no text, and SampleError for an empty file."""
    kinds = []
    for source in sources:
        named, equals, path = source.partition("=")
        if not equals or Path(source).exists():
            named, path = "", source
        elif not NAME.fullmatch(named) or len(named) > LONGEST_NAME:
            raise InputError(
                f"{named!r} cannot name a kind of text; write KIND=PATH with at most "
                f"{LONGEST_NAME} letters, digits and single spaces, such as chat=talk.txt"
            )
        text = read_source(Path(path))
        if not text.strip():
            raise SampleError(f"{path} is empty; give a file with text")
        kinds.append(Kind(named or classify(path, text), text, False))
    return distinct(kinds)


def distinct(kinds: Sequence[Kind]) -> list[Kind]:
    """The kinds, later ones of a name that is taken numbered: "prose", "prose 2"."""
    found: dict[str, Kind] = {}
    for kind in kinds:
        names = (kind.name, *(f"{kind.name} {n}" for n in range(2, len(kinds) + 2)))
        name = next(name for name in names if name not in found)
        found[name] = kind._replace(name=name)
    return list(found.values())


def controlled_kinds(seed: int, size: int, source: str = "") -> list[Kind]:
    """Texts of `size` characters that no prior helps with. `source`: whose letters are
    shuffled and whose words are drawn; without one, those kinds use lower-case ASCII."""
    rng = np.random.default_rng(seed)
    makers: dict[str, Callable[[], str]] = {
        "shuffled letters": lambda: _shuffled(rng, source, size),
        "random words": lambda: _random_words(rng, source, size),
        "random characters": lambda: _digits(rng, PRINTABLE, size),
        "hex": lambda: _joined(lambda: _digits(rng, "0123456789abcdef", 12), size),
        "UUIDs": lambda: _joined(lambda: _uuid(rng), size),
        "digits": lambda: _joined(lambda: _digits(rng, "0123456789", 8), size),
    }
    return [Kind(name, make()[:size], True) for name, make in makers.items()]


def chosen(kinds: Sequence[Kind], names: Sequence[str] | None) -> list[Kind]:
    """The kinds called so, or all of them. Raises InputError for a name that is not there."""
    known = {kind.name for kind in kinds}
    for name in names or ():
        if name not in known:
            raise InputError(f"no kind is called {name!r}; there are {', '.join(sorted(known))}")
    return [kind for kind in kinds if not names or kind.name in names]


def _digits(rng: np.random.Generator, alphabet: str, count: int) -> str:
    return "".join(alphabet[i] for i in rng.integers(len(alphabet), size=count))


def _uuid(rng: np.random.Generator) -> str:
    groups = (8, 4, 4, 4, 12)
    return "-".join(_digits(rng, "0123456789abcdef", count) for count in groups)


def _joined(make: Callable[[], str], size: int) -> str:
    """Items with spaces between, a newline where a line is full."""
    lines, line, length = [], "", 0
    while length <= size:
        item = make()
        if len(line) + len(item) > LINE:
            lines.append(line)
            length += len(line) + 1
            line = ""
        line = f"{line} {item}" if line else item
    return "\n".join(lines)


def _shuffled(rng: np.random.Generator, source: str, size: int) -> str:
    letters = list(source[:size] or _digits(rng, "abcdefghijklmnopqrstuvwxyz     ", size))
    letters *= -(-size // len(letters))
    rng.shuffle(letters)
    return "".join(letters)


def _random_words(rng: np.random.Generator, source: str, size: int) -> str:
    words = sorted(set(re.findall(r"[^\W\d_]+", source[:LOOKED_AT])))
    if not words:
        words = [_digits(rng, "abcdefghijklmnopqrstuvwxyz", n) for n in range(2, 12)]
    return _joined(lambda: words[rng.integers(len(words))], size)
