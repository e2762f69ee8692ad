"""Reading a corpus back: which documents it holds, and the text of each.

Knows nothing of how it was made.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import NamedTuple, Self

from optimem import build
from optimem.api.files import read_images, read_pages
from optimem.corpus.encoding import IMAGES, TEXT
from optimem.corpus.shards import Entry, Manifest, load_manifest, read_index, read_section
from optimem.errors import InputError
from optimem.omem.atomic import temporary_room
from optimem.omem.container import Section
from optimem.omem.text import BATCH, TokenFile
from optimem.protocols import PageCodec


class CorpusDocument(NamedTuple):
    """A document of a corpus. `kind`: "text" or "images"; `stored_bytes`: of its `.omem` file."""

    id: str
    kind: str
    pages: int
    stored_bytes: int


class CorpusText(NamedTuple):
    """A document's text as it was read."""

    id: str
    text: str


class _Held(NamedTuple):
    entry: Entry
    path: Path
    section: Section


class Corpus:
    """A corpus that `encode_corpus` wrote. Make one with `load`. It holds what was there then; a
    run that goes on adds to it unseen."""

    def __init__(self, folder: Path, manifest: Manifest, held: dict[str, _Held]) -> None:
        self._folder, self._manifest, self._held = folder, manifest, held

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read the indexes of a corpus. Raises InputError for a folder that holds none or lacks a
        shard, FormatError, VersionError or ChecksumError for a damaged one."""
        folder, held = Path(folder), dict[str, _Held]()
        manifest = load_manifest(folder)
        for shard in manifest.shards:
            path = folder / shard.name
            for entry, section in read_index(path):
                held[entry.id] = _Held(entry, path, section)
        return cls(folder, manifest, held)

    @property
    def documents(self) -> list[CorpusDocument]:
        """Every document, in the order in which they were encoded."""
        entries = (held.entry for held in self._held.values())
        return [CorpusDocument(each.id, each.kind, each.pages, each.size) for each in entries]

    @property
    def settings(self) -> dict[str, dict[str, str]]:
        """How documents were encoded, by kind: the model and its tier, or its mode and packing."""
        return self._manifest.settings

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, id: object) -> bool:
        return id in self._held

    def file(self, id: str) -> bytes:
        """The `.omem` file of a document. Raises InputError for one that is not there."""
        held = self._find(id)
        return read_section(held.path, held.section)

    def read(
        self,
        ids: Iterable[str] | None = None,
        *,
        raw: bool = False,
        codec: PageCodec | None = None,
    ) -> Iterator[CorpusText]:
        """The text of each document, or of those with these `ids`, in their order; images as
        Markdown, a page after the other.

        `raw`: as in `read_pages`. `codec`: in place of the model that the corpus names. Raises
        InputError for a document that is not there, FingerprintError without the model that wrote
        it, and FormatError or ChecksumError for a damaged one.
        """
        wanted = list(self._held.values()) if ids is None else [self._find(id) for id in ids]
        return self._read(wanted, raw, codec)

    def _read(
        self, wanted: Sequence[_Held], raw: bool, codec: PageCodec | None
    ) -> Iterator[CorpusText]:
        for group in _groups(wanted):
            if group[0].entry.kind == IMAGES:
                yield from map(self._of_images, group)
            else:
                codec = codec or build.named_codec(self.settings[TEXT]["model"])
                yield from self._of_texts(group, codec, raw)

    def _of_texts(
        self, group: Sequence[_Held], codec: PageCodec, raw: bool
    ) -> Iterator[CorpusText]:
        """Several texts, whose pages are read together."""
        files = [TokenFile.from_bytes(self._data(held), held.entry.id) for held in group]
        together = replace(files[0], pages=[page for file in files for page in file.pages])
        readings = read_pages(together, codec, raw=raw)
        for held, file in zip(group, files, strict=True):
            yield CorpusText(held.entry.id, "".join(next(readings).text for _ in file.pages))

    def _of_images(self, held: _Held) -> CorpusText:
        with NamedTemporaryFile(suffix=".omem") as file:
            with temporary_room():
                file.write(self._data(held))
                file.flush()
            answers = read_images(file.name, model=self.settings[IMAGES]["model"])
            text = "\n".join(answer.grounded.text for answer in answers)
        return CorpusText(held.entry.id, text)

    def _data(self, held: _Held) -> bytes:
        return read_section(held.path, held.section)

    def _find(self, id: str) -> _Held:
        if id not in self._held:
            raise InputError(
                f"{self._folder} holds no document {id!r}; `optimem read-corpus --list` shows which"
            )
        return self._held[id]


def _groups(wanted: Sequence[_Held]) -> Iterator[list[_Held]]:
    """Documents of one kind side by side, a batch of pages or one document at a time."""
    group, pages = list[_Held](), 0
    for held in wanted:
        if group and (held.entry.kind != group[0].entry.kind or pages >= BATCH):
            yield group
            group, pages = [], 0
        group.append(held)
        pages += held.entry.pages
    if group:
        yield group
