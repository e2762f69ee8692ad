"""The shards of a corpus: files of many documents, and the manifest that names them.

    manifest.json    settings, encoders, and each shard with its numbers; replaced whole
    shard-….omem     a container: its index (a container too), then each document's `.omem` file
    bad.jsonl        documents that the last run could not encode, each with the reason

A document is in the corpus once the manifest names its shard, and not before; so whenever a run
ends, however it ends, what it left is whole. Where several shards hold an id, the last one counts.
Knows nothing of how documents are encoded or read.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, TypeAdapter

from optimem.corpus.documents import Bad
from optimem.corpus.encoding import Outcome, Settings
from optimem.errors import (
    ChecksumError,
    FingerprintError,
    InputError,
    ResumeError,
    StoreLockedError,
    VersionError,
)
from optimem.omem.atomic import atomic_write
from optimem.omem.container import (
    ContainerKind,
    ContainerWriter,
    Section,
    compress,
    decompress,
    first_section,
    following_sections,
    format_errors,
    from_json,
    open_container,
    pack_container,
    to_json,
    unpack_container,
)

MANIFEST, BAD, LOCK = "manifest.json", "bad.jsonl", ".lock"
VERSION = 1
PARTIAL = "*.partial"


class Entry(NamedTuple):
    """A document of a shard. `digest`: of its content; `mark`: see `Document`; `size`: bytes of its
    `.omem` file."""

    id: str
    digest: str
    mark: str
    kind: str
    pages: NonNegativeInt
    size: NonNegativeInt


class Shard(BaseModel):
    """A shard as the manifest names it. `bytes`: its size."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^shard-\d+\.omem$")
    documents: NonNegativeInt
    pages: NonNegativeInt
    bytes: NonNegativeInt


class Manifest(BaseModel):
    """What a corpus is. `settings`: see `Recipe.settings`; `encoders`: fingerprints by kind of
    document, of the kinds that there are."""

    model_config = ConfigDict(extra="forbid")

    version: int = VERSION
    settings: Settings
    encoders: dict[str, str] = Field(default_factory=dict)
    shards: list[Shard] = Field(default_factory=list)


_MANIFEST, _ENTRIES = TypeAdapter(Manifest), TypeAdapter(list[Entry])


def load_manifest(folder: Path) -> Manifest:
    """Raises InputError if there is none, FormatError or VersionError for a broken or newer one."""
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{folder} holds no corpus ({path.name}: {error.strerror}); make one with `optimem "
            "encode-corpus`"
        ) from error
    with format_errors(str(path)):
        found = json.loads(data)
        if isinstance(found, dict) and found.get("version") != VERSION:
            raise VersionError(
                f"{path} has version {found.get('version')!r}, this release reads {VERSION}; read "
                "it with the release that wrote it"
            )
        return _MANIFEST.validate_python(found)


def read_index(path: Path) -> list[tuple[Entry, Section]]:
    """The documents of a shard and where their files lie in it. Raises InputError if it cannot be
    opened, FormatError, VersionError or ChecksumError."""
    with open_container(path) as file:
        first = first_section(ContainerKind.SHARD, file, str(path))
        file.seek(first.start)
        entries = parse_index(file.read(first.size), f"the index of {path}")
        places = list(following_sections(first, [entry.size for entry in entries]))
        if places and places[-1].start + places[-1].size > file.seek(0, 2):
            raise ChecksumError(f"{path} is cut short; restore it from a copy, or encode it again")
    return list(zip(entries, places, strict=True))


def parse_index(data: bytes, name: str = "") -> list[Entry]:
    """The documents that an index lists. `name`: what errors call it. Raises FormatError,
    VersionError or ChecksumError."""
    with unpack_container(ContainerKind.SHARD_INDEX, data, name) as (listed,):
        return from_json(_ENTRIES, decompress(listed))


def read_section(path: Path, section: Section) -> bytes:
    """The bytes of a section; fewer if the file was cut short."""
    with open_container(path) as file:
        file.seek(section.start)
        return file.read(section.size)


class CorpusWriter:
    """Adds documents to the corpus in a folder, which no other process writes meanwhile. Made by
    `open_for_writing`."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest
        self._pending: list[Outcome] = []
        self.pending_bytes = 0
        (folder / BAD).unlink(missing_ok=True)

    def known(self) -> dict[str, Entry]:
        """Every document of the corpus by its id."""
        paths = (self.folder / shard.name for shard in self.manifest.shards)
        return {entry.id: entry for path in paths for entry, _ in read_index(path)}

    @property
    def pending(self) -> int:
        """Documents added since the last commit."""
        return len(self._pending)

    def add(self, outcome: Outcome) -> None:
        """A document for the next commit. Raises FingerprintError for that of another encoder."""
        encoder = self.manifest.encoders.setdefault(outcome.kind, outcome.encoder)
        if encoder != outcome.encoder:
            raise FingerprintError(
                f"{self.folder} holds documents of the encoder {encoder!r}, this one is "
                f"{outcome.encoder!r}; encode into another folder"
            )
        self._pending.append(outcome)
        self.pending_bytes += len(outcome.data)

    def add_bad(self, bad: Bad) -> None:
        """Name a document that cannot be encoded, at once."""
        line = json.dumps({"id": bad.id, "reason": bad.reason}, ensure_ascii=False) + "\n"
        with (self.folder / BAD).open("ab", buffering=0) as file:
            file.write(line.encode("utf-8", "replace"))

    def commit(self) -> None:
        """Write what was added as a shard, and then the manifest that names it. Whatever happens
        meanwhile, nothing is written twice: what is not written now is left to the next run."""
        added, self._pending, self.pending_bytes = self._pending, [], 0
        if not added:
            return
        shards = self.manifest.shards
        name = f"shard-{len(shards) + 1:06}.omem"
        with atomic_write(self.folder / name) as file:
            size = _write_shard(ContainerWriter(file, ContainerKind.SHARD), added)
        pages = sum(outcome.pages for outcome in added)
        shard = Shard(name=name, documents=len(added), pages=pages, bytes=size)
        manifest = self.manifest.model_copy(update={"shards": [*shards, shard]})
        _save(self.folder, manifest)
        self.manifest = manifest


@contextmanager
def open_for_writing(folder: Path, settings: Settings) -> Iterator[CorpusWriter]:
    """The corpus in a folder, made if it is not there. Raises StoreLockedError while another
    process writes it, ResumeError if documents of a kind were encoded with other `settings` or it
    holds something else, and InputError if it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror}; choose another") from error
    try:
        _lock(handle, folder)
        for left in folder.glob(PARTIAL):  # of a run that was killed
            left.unlink()
        yield CorpusWriter(folder, _resumed(folder, settings))
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    """A lock that goes with the process, however it ends."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise StoreLockedError(
            f"another process is writing the corpus in {folder}; wait for it, or stop it"
        ) from error


def _resumed(folder: Path, settings: Settings) -> Manifest:
    """The manifest of a folder, written now if the folder is empty."""
    if not (folder / MANIFEST).exists():
        other = sorted(path.name for path in folder.iterdir() if path.name != LOCK)
        if other:
            raise ResumeError(
                f"{folder} holds {other[0]} but no corpus; name a new or an empty folder"
            )
        manifest = Manifest(settings=settings)
        _save(folder, manifest)
        return manifest
    manifest = load_manifest(folder)
    for kind in manifest.encoders:
        before, now = manifest.settings[kind], settings[kind]
        if before != now:
            raise ResumeError(
                f"{folder} holds {kind} encoded with {_listed(before)}, not {_listed(now)}; go on "
                "with the same, or name another folder"
            )
    manifest.settings = settings
    return manifest


def _listed(settings: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def _save(folder: Path, manifest: Manifest) -> None:
    with atomic_write(folder / MANIFEST) as file:
        file.write(manifest.model_dump_json(indent=1).encode())


def _write_shard(writer: ContainerWriter, outcomes: Sequence[Outcome]) -> int:
    entries = [
        Entry(each.id, each.digest, each.mark, each.kind, each.pages, len(each.data))
        for each in outcomes
    ]
    writer.add(pack_container(ContainerKind.SHARD_INDEX, [compress(to_json(entries))]))
    for outcome in outcomes:
        writer.add(outcome.data)
    return writer.finish()
