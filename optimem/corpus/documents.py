"""What a corpus is made of: the files of a folder, or the rows of a list, each a document.

Listing reads folders and lists, not the files that they name. Each document is read by the worker
that encodes it. Knows neither models nor shards.
"""

import json
import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from optimem.corpus import parquet
from optimem.errors import InputError, OptimemError
from optimem.text.files import decode_text

LISTS = {".jsonl", ".ndjson", parquet.SUFFIX}
"""How the names of lists of documents end."""
DIGEST = 16  # bytes


class Fields(NamedTuple):
    """What the columns of a list are called. A row has a `text`, or the `path` of a file, relative
    to the list; its `id` is by default the path, or else the list's name with the row's number."""

    text: str = "text"
    path: str = "path"
    id: str = "id"


class Place(NamedTuple):
    """Where a row's text stands in a list of JSON lines or of Parquet: at byte `first`, `second`
    bytes long; or in row group `first`, row `second`. `field`: its column."""

    first: int
    second: int
    field: str


class Document(NamedTuple):
    """A document that can be read. `file`: that it is, or, with a `place`, that it is a row of.
    `mark`: as long as it is the same, the document is; found without reading a file. `size`:
    about how many bytes."""

    id: str
    file: str
    mark: str
    size: int
    place: Place | None = None


class Bad(NamedTuple):
    """A document that could not be encoded, and why."""

    id: str
    reason: str


def list_documents(source: Path, fields: Fields | None = None) -> Iterator[Document | Bad]:
    """The documents of a folder and those below it, in order of their names; of a list of JSON
    lines or Parquet; or the file itself. A row that is none is `Bad`. Names that start with a dot
    are passed over. Raises InputError for a source that is not there or cannot be read, a list
    without any of the `fields`, and MissingExtraError for Parquet without pyarrow."""
    if source.is_dir():
        return _folder(source)
    if not source.is_file():
        raise InputError(
            f"{source} is not there; give a folder, a file, or a list (.jsonl, .parquet)"
        )
    fields = fields or Fields()
    if source.suffix.lower() == parquet.SUFFIX:
        return _parquet_rows(source, fields)
    if source.suffix.lower() in LISTS:
        return _json_rows(source, fields)
    return iter([_of_file(source.name, source)])


def read_content(document: Document) -> bytes:
    """The bytes of a document, as they are now. Raises InputError if it cannot be read."""
    try:
        if document.place is None:
            return Path(document.file).read_bytes()
        if Path(document.file).suffix.lower() == parquet.SUFFIX:
            return str(parquet.read_value(document.file, *document.place)).encode()
        return _json_text(document.file, document.place).encode()
    except (OSError, ValueError, LookupError) as error:
        raise InputError(f"it cannot be read: {getattr(error, 'strerror', error)}") from error


def digest(content: bytes) -> str:
    """What tells one content from another."""
    return blake2b(content, digest_size=DIGEST).hexdigest()


def _folder(top: Path) -> Iterator[Document | Bad]:
    for folder, folders, names in os.walk(top, onerror=_unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                path = Path(folder, name)
                yield _of_file(path.relative_to(top).as_posix(), path)


def _unreadable(error: OSError) -> None:
    raise InputError(f"{error.filename} cannot be listed: {error.strerror}") from error


def _of_file(id: str, path: Path) -> Document | Bad:
    """A file as a document; its mark is its size and when it was changed."""
    try:
        found = path.stat()
        id.encode()
    except OSError as error:
        return Bad(id, f"{path} cannot be read: {error.strerror}")
    except UnicodeEncodeError:
        return Bad(os.fsencode(id).decode("utf-8", "replace"), "its name is not UTF-8; rename it")
    if not path.is_file():
        return Bad(id, f"{path} is neither a file nor a folder")
    return Document(id, str(path.absolute()), f"{found.st_size}-{found.st_mtime_ns}", found.st_size)


def _json_rows(source: Path, fields: Fields) -> Iterator[Document | Bad]:
    start = 0
    try:
        with source.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _json_row(source, fields, number, start, line)
                start += len(line)
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror}") from error


def _json_row(source: Path, fields: Fields, number: int, start: int, line: bytes) -> Document | Bad:
    try:
        row = _parsed(line)
        return _of_row(source, fields, number, row, Place(start, len(line), fields.text))
    except (OptimemError, ValueError, RecursionError) as error:
        return Bad(f"{source.name}:{number}", f"line {number} is no document: {error}")


def _parsed(line: bytes) -> dict[str, Any]:
    row = json.loads(decode_text(line, "it"))
    if not isinstance(row, dict):
        raise InputError(f"{str(row)[:40]!r} is not a JSON object")
    return row


def _json_text(file: str, place: Place) -> str:
    with open(file, "rb") as opened:
        opened.seek(place.first)
        return str(_parsed(opened.read(place.second))[place.field])


def _parquet_rows(source: Path, fields: Fields) -> Iterator[Document | Bad]:
    rows = parquet.rows(source, fields)
    for number, (group, at, row) in enumerate(rows, 1):
        try:
            yield _of_row(source, fields, number, row, Place(group, at, fields.text))
        except OptimemError as error:
            yield Bad(f"{source.name}:{number}", f"row {number} is no document: {error}")


def _of_row(
    source: Path, fields: Fields, number: int, row: dict[str, Any], place: Place
) -> Document | Bad:
    """The document of a row. Raises InputError for one with neither text nor path."""
    text, path, name = row.get(fields.text), row.get(fields.path), row.get(fields.id)
    id = f"{path if isinstance(path, str) else f'{source.name}:{number}'}"
    id = id if name is None else str(name)
    if isinstance(text, str):
        content = _encoded(text)
        _encoded(id)
        return Document(id, str(source.absolute()), digest(content), len(content), place)
    if not isinstance(path, str) or "\0" in path:
        raise InputError(
            f"it has neither {fields.text!r} nor {fields.path!r} as a string; name the columns "
            "(--text-field, --path-field)"
        )
    return _of_file(id, source.parent / path)


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{text[:40]!r} holds half of a surrogate pair: {error.reason}") from error
