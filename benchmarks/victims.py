"""What `benchmarks.mutations` attacks: one of everything that is stored, and all that reads it.

A memory with faded and fresh pages, their vectors, a tail, an image and a tombstone; one whose
words and vectors are merged into segments; items; a sealed record; files of text and of images;
tokens of both models. Nothing here loads a model.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

import numpy as np
import torch

from optimem.api.files import compress as compress_text
from optimem.api.files import read_pages
from optimem.api.memory import OpticalMemory
from optimem.corpus.shards import parse_index, read_index, read_section
from optimem.items import serialization as items
from optimem.items.collection import Collection, ItemQuery, new_item
from optimem.items.names import Address
from optimem.memory.decay import DAY
from optimem.memory.records.records import EntryKind, entry_place
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.records.tombstones import unpack_tombstone
from optimem.memory.records.word_secret import HOME, hide, make_word_secret, reveal, word_secret
from optimem.memory.writing.merging import FAN
from optimem.model.deepseek_ocr.alignment import RowOutline
from optimem.model.deepseek_ocr.stored_tokens import Packing, StoredPage
from optimem.model.deepseek_ocr.text_pages import pack_ruled_page, unpack_ruled_page
from optimem.model.nano.token_coding import TokenCoder
from optimem.omem.container import ContainerKind, compress, pack_container, to_json
from optimem.omem.images import ImageArchive
from optimem.omem.text import TokenFile
from optimem.protocols import Change, Entry, PageCodec, Store
from optimem.store.sealing import SealedRecord, seal, unseal
from optimem.testing import FakeImageReader, InMemoryStore
from optimem.tiers import Tier
from optimem.turns import Scope

SEGMENTS = (EntryKind.SEGMENT, EntryKind.BLOCK, EntryKind.VECTOR_SEGMENT)
HIDDEN = (
    ContainerKind.INDEX, ContainerKind.SEGMENT, ContainerKind.BLOCK, ContainerKind.MARK,
    ContainerKind.VECTORS, ContainerKind.VECTOR_SEGMENT,
)  # fmt: skip
"""What is stored under the store's secret."""
NOW = 1_700_000_000.0
SCOPE, MERGED = "attacked", "merged"
WORDS = "The staging database listens on port 6543; ask id 77-a9 of Zoë, or café 12.\n"

Read = Callable[[], object]
Reads = Callable[[bytes], list[Read]]
Mask = Callable[[bytes], bytes]


class Victim(NamedTuple):
    """Bytes to attack: those of `kind` at `place`. `others`: what may stand in their place.
    `parse`: reads the bytes alone, in every way there is; `reads`: everything that reads them with
    what is around them. `masks`: show and hide what is in a section that is hidden."""

    kind: ContainerKind
    place: bytes
    data: bytes
    others: list[bytes]
    parse: Callable[[bytes], object]
    reads: Reads
    masks: tuple[Mask, Mask] | None = None


class ForgedStore(InMemoryStore):
    """A store that shows one entry with another value, and then drops all changes. A flush, which
    writes pages until the tail is empty, would never end on it."""

    forged: tuple[Scope, str, bytes] | None = None

    def get(self, scope: Scope, keys: Sequence[str]) -> list[Entry | None]:
        """See `Store`."""
        found = super().get(scope, keys)
        if self.forged is None or self.forged[0] != scope:
            return found
        _, key, value = self.forged
        return [
            entry._replace(value=value) if entry and entry.key == key else entry for entry in found
        ]

    def commit(self, scope: Scope, changes: Sequence[Change]) -> None:
        """See `Store`."""
        if self.forged is None:
            super().commit(scope, changes)

    def clear(self, scope: Scope) -> int:
        """See `Store`."""
        return super().clear(scope) if self.forged is None else 0


def victims(codec: PageCodec) -> list[Victim]:
    """One of everything."""
    store = ForgedStore()
    _fill(store, codec)
    held = [
        (scope, entry)
        for scope in list(store.scopes())
        for entry in store.get(scope, [info.key for info in store.entries(scope)])
        if entry and (str(scope) != MERGED or EntryKind.of(entry.key) in SEGMENTS)
    ]
    values = [entry.value for _, entry in held]
    entries = [_entry(store, codec, scope, entry, values) for scope, entry in held]
    return [*entries, *_files(codec, values), *_corpus(codec, values), *_tokens(values)]


def _fill(store: Store, codec: PageCodec) -> None:
    memory = _memory(store, codec, NOW)
    for number in range(FAN):
        memory.append(MERGED, {"id": f"t{number}", "text": f"{number}: {WORDS}" * 2})
        memory.flush(MERGED)
    memory.append(MERGED, {"id": "last", "text": WORDS})
    for number in range(5):
        memory.append(SCOPE, {"id": f"t{number}", "text": f"{number}: {WORDS}" * 2})
    scan = Path(mkdtemp()) / "scan.txt"
    scan.write_text(f"a scan: {WORDS}")
    memory.append_file(SCOPE, scan)
    memory.flush(SCOPE)
    memory.sweep(now=NOW + 40 * DAY)
    memory.append(SCOPE, [{"id": "new", "text": WORDS * 4}, {"id": "t4b", "text": WORDS}])
    memory.flush(SCOPE)
    memory.forget(SCOPE, turn="t4b")
    memory.append(SCOPE, {"id": "last", "role": "tool", "text": WORDS, "extra": {"name": "x"}})
    both = {Address(("n",), key): new_item({"text": WORDS * 3}, [["text"]], 60.0) for key in "ab"}
    Collection(store).write(both, NOW)


def _memory(store: Store, codec: PageCodec, now: float) -> OpticalMemory:
    return OpticalMemory(
        store, codec, clock=lambda: now, images=FakeImageReader(), embeddings=_letters
    )


def _letters(texts: list[str]) -> list[list[float]]:
    """An embedding model."""
    return [[1.0 + text.count(letter) for letter in "aeionrst"] for text in texts]


def _entry(
    store: ForgedStore, codec: PageCodec, scope: Scope, entry: Entry, values: list[bytes]
) -> Victim:
    kind = next(kind for kind in ContainerKind if kind.code == entry.value[5:6])
    place, secret = entry_place(scope, entry.key), make_word_secret(store)

    def reads(value: bytes) -> list[Read]:
        store.forged = (scope, entry.key, value)
        if scope == HOME:
            fresh = InMemoryStore()  # a process that has not read the secret yet
            fresh.commit(HOME, [Change(entry.key, value)])
            return [lambda: word_secret(fresh), lambda: make_word_secret(fresh)]
        own = str(scope) in (SCOPE, MERGED)
        return list(_reads(store, codec, str(scope)) if own else _item_reads(store))

    masks = None
    if kind in HIDDEN:
        masks = (partial(reveal, secret=secret, place=place), lambda d: hide(d, secret, place))
    parse = partial(_parse, ScopeRecords(store, scope), kind, entry, secret)
    return Victim(kind, place, entry.value, values, parse, reads, masks)


def _parse(
    records: ScopeRecords, kind: ContainerKind, entry: Entry, secret: bytes, data: bytes
) -> None:
    place = entry_place(records.scope, entry.key)
    if kind is ContainerKind.ITEM:
        items.unpack_head(data, place)
        items.unpack_value(data, place)
    elif kind is ContainerKind.MARK:
        items.repack_mark(data, None, place)
        items.unpack_mark(data, place, secret)
    elif kind is ContainerKind.TOMBSTONE:
        unpack_tombstone(data, place)
    else:
        records.unpack(entry._replace(value=data))


def _reads(store: Store, codec: PageCodec, scope: str) -> Iterator[Read]:
    clock = NOW + 50 * DAY
    memory = _memory(store, codec, clock)
    yield lambda: memory.reconstruct(scope)
    yield lambda: memory.recall(scope, "staging port", following=1)
    yield lambda: memory.answer(scope, "what does the scan say of the staging port?")
    yield lambda: memory.holds(scope, ["t1", "tail", "x"])
    yield lambda: memory.ids(scope)
    yield lambda: memory.read(scope, ["t1", "last"])
    yield lambda: memory.stats()
    yield lambda: memory.check()
    yield lambda: memory.sweep(dry_run=True)
    yield lambda: memory.sweep(now=clock)
    yield lambda: memory.reindex(scope=scope)
    yield lambda: memory.pin(scope, "t1")
    yield lambda: memory.append(scope, {"id": "x", "text": "one more"})
    yield lambda: memory.forget(scope, turn="t1")
    yield lambda: memory.forget(scope, turn="last")
    yield lambda: memory.forget(scope)


def _item_reads(store: Store) -> Iterator[Read]:
    collection, both = Collection(store), [Address(("n",), key) for key in "ab"]
    yield lambda: [item and item.value for item in collection.get(both, NOW + 1)]
    yield lambda: collection.search(ItemQuery(("n",), "staging port"), NOW + 1)
    yield lambda: collection.touch([i for i in collection.get(both, NOW + 1) if i], NOW + 2)
    yield lambda: collection.namespaces((), NOW + 1)
    yield lambda: collection.sweep(NOW + 99)


def _files(codec: PageCodec, values: list[bytes]) -> Iterator[Victim]:
    text = compress_text(WORDS * 200, Tier.SMALL, codec).file.to_bytes()

    def texts(data: bytes) -> list[Read]:
        return [lambda: [page.text for page in read_pages(TokenFile.from_bytes(data), codec)]]

    yield Victim(ContainerKind.TOKEN_FILE, b"", text, values, TokenFile.from_bytes, texts)
    page, path = _image_page(), Path(mkdtemp()) / "a.omem"
    head = b'{"encoder":"e","mode":"tiny","packing":"int8"}'
    archive = pack_container(ContainerKind.IMAGE_ARCHIVE, [head, page.to_bytes(), page.to_bytes()])

    def load(data: bytes) -> list[StoredPage]:
        path.write_bytes(data)
        found = ImageArchive.load(path)
        return [StoredPage.from_bytes(found.page(at)) for at in range(len(found.pages))]

    yield Victim(
        ContainerKind.IMAGE_ARCHIVE, b"", archive, values, load, lambda data: [lambda: load(data)]
    )


def _corpus(codec: PageCodec, values: list[bytes]) -> Iterator[Victim]:
    text, path = compress_text(WORDS, Tier.SMALL, codec).file.to_bytes(), Path(mkdtemp()) / "s.omem"
    entries = to_json([("a", "0f", "0f", "text", 1, len(text)), ("b", "1f", "1f", "text", 1, 0)])
    index = pack_container(ContainerKind.SHARD_INDEX, [compress(entries)])
    yield _alone(ContainerKind.SHARD_INDEX, index, values, parse_index)

    def load(data: bytes) -> list[bytes]:
        path.write_bytes(data)
        return [read_section(path, place) for _, place in read_index(path)]

    shard = pack_container(ContainerKind.SHARD, [index, text, b""])
    yield _alone(ContainerKind.SHARD, shard, values, load)


def _tokens(values: list[bytes]) -> Iterator[Victim]:
    page, key = _image_page(), bytes(range(32))
    for packing in Packing:
        data = page.to_bytes(packing)
        yield _alone(ContainerKind.DEEPSEEK_TOKENS, data, values, StoredPage.from_bytes)
    rows = [RowOutline(0, " ", 5, 17, "\n"), RowOutline(0, "", 0, 0, "")]
    ruled = pack_ruled_page(page, rows, Packing.INT8)
    yield _alone(ContainerKind.RULED_PAGE, ruled, values, lambda data: unpack_ruled_page(data, 192))
    coder = TokenCoder(
        np.zeros(8, np.float32), np.ones((2, 8), np.float32), np.full(2, 0.5, np.float32)
    )
    coded = coder.encode(np.arange(128, dtype=np.int16).reshape(16, 8) % 5)
    yield _alone(ContainerKind.NANO_TOKENS, coded, values, lambda data: coder.decode(data, 16))
    sealed = seal(WORDS.encode(), key, b"here")
    opened: Callable[[bytes], object] = lambda data: unseal(SealedRecord.parse(data), key, b"here")  # noqa: E731
    yield _alone(ContainerKind.SEALED, sealed, values, opened)


def _image_page() -> StoredPage:
    torch.manual_seed(1)
    return StoredPage("e", "tiny", 64, 30, 20, torch.randn(5, 64))


def _alone(
    kind: ContainerKind, data: bytes, values: list[bytes], parse: Callable[[bytes], object]
) -> Victim:
    """A victim that nothing reads but its parser."""
    return Victim(kind, b"", data, values, parse, lambda data: [lambda: parse(data)])
