"""Everything that is stored, damaged and forged: it parses, or is refused by name."""

import io
import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from optimem.corpus.shards import parse_index, read_index, read_section
from optimem.errors import FormatError
from optimem.items import serialization as items
from optimem.memory.recall.retrieval import index_page
from optimem.memory.records import index_serialization as words
from optimem.memory.records import page_serialization as pages
from optimem.memory.records import segment_serialization as segments
from optimem.memory.records import serialization as memory
from optimem.memory.records.records import (
    Chunk,
    PageKey,
    PageRecord,
    Position,
    ScopeState,
    Span,
    TurnNumber,
    entry_place,
)
from optimem.memory.records.segments import Segment
from optimem.memory.records.tombstones import pack_tombstone, unpack_tombstone
from optimem.memory.records.vector_segments import pack_vector_segment, unpack_vector_segment
from optimem.memory.records.vectors import ModelMark, PageVectors, pack_vectors, unpack_vectors
from optimem.memory.records.word_secret import HOME, make_word_secret, word_secret
from optimem.model.deepseek_ocr.alignment import RowOutline
from optimem.model.deepseek_ocr.stored_tokens import Packing, StoredPage
from optimem.model.deepseek_ocr.text_pages import pack_ruled_page, unpack_ruled_page
from optimem.model.nano.token_coding import TokenCoder
from optimem.omem.container import (
    ContainerKind,
    ContainerWriter,
    compress,
    decompress,
    find_sections,
    pack_container,
    to_json,
    unpack_container,
)
from optimem.omem.images import ImageArchive
from optimem.omem.text import TextPage, TokenFile
from optimem.planning.ledger import Quote, pack_sent, unpack_sent
from optimem.protocols import Change, VisionTokens
from optimem.store.sealing import SealedRecord, seal, unseal
from optimem.testing import InMemoryStore
from optimem.text.keeping import Keep
from optimem.tiers import Tier
from optimem.turns import Scope


class Sample(NamedTuple):
    """A container of a kind, and what parses it."""

    kind: ContainerKind
    data: bytes
    parse: Callable[[bytes], object]


NOWHERE = b""
"""The place of a file, here of records too, so that all samples are packed and forged alike."""


SECRET = bytes(32)
_SECRET_PLACE = entry_place(HOME, "secret")


def _samples() -> list[Sample]:
    spans = tuple(
        Span(Position(i, 0), "user", f"m{i}", 5.0, 3 * i, 3 * i + 3, True, False, bytes(8))
        for i in range(3)
    )
    body = VisionTokens(Tier.SMALL, 9, "nano-1", b"tokens")
    record = PageRecord(
        "0123456789abcdef", 1.0, 2.0, 0.01, 6, 9, spans, body,
        Keep.VALUES, b"corrections",
    )  # fmt: skip
    kept = PageRecord("0123456789abcdef", 1.0, 2.0, 0.0, 6, 9, spans, ("ab", "", "c"))
    chunk = Chunk(Position(2, 7), "tool", "k", 1.5, 2.5, False, True, "text\nwith lines ✓")
    state = ScopeState(3, Position(1, 5), 77, 9.5, "e")
    index = index_page([(3, "alpha beta beta"), (4, "gamma alpha")])
    bits, turns = np.arange(6, dtype=np.uint8).reshape(2, 3), np.array([3, 4])
    vectors = PageVectors(ModelMark(24, b"abc"), turns, turns + 1, bits)
    merged = Segment.of(PageKey(Position(3, 0), "ab"), index)
    blocks = merged.split()
    item = items.pack_item(
        items.ItemHead(1, 2, None, "0" * 22), items.pack_value({"a": ["b"] * 50}), NOWHERE
    )
    mark = items.pack_mark(7, items.pack_words("tea"), NOWHERE, SECRET)
    kinds, whole = ContainerKind, pages.pack_page(record, NOWHERE)
    records: list[tuple[ContainerKind, bytes, Callable[..., object]]] = [
        (kinds.PAGE, whole, pages.unpack_page),
        (kinds.PAGE, whole, pages.page_parts),
        (kinds.PAGE, pages.pack_page(kept, NOWHERE), pages.unpack_page),
        (kinds.CHUNK, memory.pack_chunk(chunk, NOWHERE), memory.unpack_chunk),
        (kinds.STATE, memory.pack_state(state, NOWHERE), memory.unpack_state),
        (
            kinds.INDEX,
            words.pack_index(index, NOWHERE, SECRET),
            partial(words.unpack_index, secret=SECRET),
        ),
        (
            kinds.VECTORS,
            pack_vectors(vectors, NOWHERE, SECRET),
            partial(unpack_vectors, secret=SECRET),
        ),
        (
            kinds.VECTOR_SEGMENT,
            pack_vector_segment({merged.pages[0]: vectors}, NOWHERE, SECRET),
            partial(unpack_vector_segment, secret=SECRET),
        ),
        (
            kinds.SEGMENT,
            segments.pack_head(merged, blocks, 99, NOWHERE, SECRET),
            partial(segments.unpack_head, secret=SECRET),
        ),
        (
            kinds.BLOCK,
            segments.pack_block(blocks[0], NOWHERE, SECRET),
            partial(segments.unpack_block, secret=SECRET),
        ),
        (kinds.STAMP, memory.pack_stamp(b"stamp", NOWHERE), memory.unpack_stamp),
        (kinds.TURN_NUMBER, memory.pack_number(TurnNumber(41, b""), NOWHERE), memory.unpack_number),
        (kinds.IMAGE, memory.pack_image(b"tokens", NOWHERE), memory.unpack_image),
        (kinds.DIGEST, memory.pack_digest("Marta wants oak.", NOWHERE), memory.unpack_digest),
        (kinds.SENT, pack_sent(1.5, [Quote(Scope(session="s"), "t", 0, 9)], NOWHERE), unpack_sent),
        (kinds.ITEM, item, items.unpack_head),
        (kinds.ITEM, item, items.unpack_value),
        (kinds.MARK, mark, partial(items.unpack_mark, secret=SECRET)),
        (kinds.MARK, mark, lambda data, place: items.repack_mark(data, 9, place)),
    ]
    coder = TokenCoder(
        np.zeros(8, np.float32), np.ones((2, 8), np.float32), np.ones(2, np.float32) / 2
    )
    steps = np.arange(128, dtype=np.int16).reshape(16, 8) % 5
    page = StoredPage("e", "tiny", 64, 30, 20, torch.randn(5, 64))
    rules = [RowOutline(0, " ", 5, 17, "\n"), RowOutline(0, "", 0, 0, "")]
    text = TextPage(body, b"corrections", bytes(8))
    texts = TokenFile([text, text], Tier.SMALL, "nano-1", True)
    packed = [
        Sample(ContainerKind.DEEPSEEK_TOKENS, page.to_bytes(p), StoredPage.from_bytes)
        for p in Packing
    ]
    return [
        *(Sample(kind, data, partial(unpack, place=NOWHERE)) for kind, data, unpack in records),
        Sample(
            ContainerKind.TOMBSTONE,
            pack_tombstone(1.5, NOWHERE),
            partial(unpack_tombstone, place=NOWHERE),
        ),
        Sample(ContainerKind.SECRET, _secret(), lambda data: word_secret(_store(data))),
        Sample(ContainerKind.SEALED, seal(b"a record", bytes(32), NOWHERE), _unsealed),
        Sample(ContainerKind.NANO_TOKENS, coder.encode(steps), lambda data: coder.decode(data, 16)),
        *packed,
        Sample(
            ContainerKind.RULED_PAGE,
            pack_ruled_page(page, rules, Packing.INT8),
            lambda data: unpack_ruled_page(data, 192),
        ),
        Sample(ContainerKind.TOKEN_FILE, texts.to_bytes(), TokenFile.from_bytes),
        Sample(
            ContainerKind.IMAGE_ARCHIVE,
            pack_container(
                ContainerKind.IMAGE_ARCHIVE,
                [b'{"encoder":"e","mode":"base","packing":"int8"}', b"page", b"page"],
            ),
            _archive_pages,
        ),
        Sample(ContainerKind.SHARD, _shard(texts.to_bytes()), _shard_files),
        Sample(ContainerKind.SHARD_INDEX, _shard_index(5), parse_index),
    ]  # fmt: skip


def _secret() -> bytes:
    store = InMemoryStore()
    make_word_secret(store)
    (entry,) = store.get(HOME, ["secret"])
    assert entry
    with unpack_container(ContainerKind.SECRET, entry.value, place=_SECRET_PLACE) as sections:
        return pack_container(ContainerKind.SECRET, sections)


def _store(data: bytes) -> InMemoryStore:
    """A store whose secret is in these bytes, bound to its place if they are whole."""
    with suppress(FormatError), unpack_container(ContainerKind.SECRET, data) as sections:
        data = pack_container(ContainerKind.SECRET, sections, _SECRET_PLACE)
    store = InMemoryStore()
    store.commit(HOME, [Change("secret", data)])
    return store


def _unsealed(data: bytes) -> bytes:
    return unseal(SealedRecord.parse(data), bytes(32), NOWHERE)


def _archive_pages(data: bytes) -> list[bytes]:
    with _Temporary.path.open("wb") as file:
        file.write(data)
    archive = ImageArchive.load(_Temporary.path)
    return [archive.page(index) for index in range(len(archive.pages))]


def _shard_index(size: int) -> bytes:
    entries = to_json([("a", "0f", "0f", "text", 1, size), ("b", "1f", "1f", "text", 1, 0)])
    return pack_container(ContainerKind.SHARD_INDEX, [compress(entries)])


def _shard(file: bytes) -> bytes:
    return pack_container(ContainerKind.SHARD, [_shard_index(len(file)), file, b""])


def _shard_files(data: bytes) -> list[bytes]:
    with _Temporary.path.open("w+b") as file:
        file.write(data)
        file.seek(0)
        find_sections(ContainerKind.SHARD, file)
    return [read_section(_Temporary.path, place) for _, place in read_index(_Temporary.path)]


class _Temporary:
    path: Path


@pytest.fixture(scope="module", autouse=True)
def _temporary(tmp_path_factory: pytest.TempPathFactory) -> None:
    _Temporary.path = tmp_path_factory.mktemp("archives") / "a.omem"


SAMPLES = _samples()
NUMBERS = [-1, 0, 2**31, 2**63, 10**4000, -0.5, 1e308, float("nan")]
LEAVES = st.sampled_from([None, True, *NUMBERS, "", "é", "\ud800", "9" * 90])
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=4)


def test_every_kind_has_a_sample_that_parses() -> None:
    assert {sample.kind for sample in SAMPLES} == set(ContainerKind)
    for sample in SAMPLES:
        sample.parse(sample.data)


def accepted_or_refused(sample: Sample, data: bytes) -> None:
    """FormatError and those below it are the only errors that parsing may raise."""
    with suppress(FormatError):
        sample.parse(data)


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_damaged_bytes_are_refused(data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from(SAMPLES))
    damaged = data.draw(_damaged(sample.data))
    if damaged == sample.data:
        return
    with pytest.raises(FormatError):
        sample.parse(damaged)


@settings(max_examples=2500, deadline=None)
@given(st.data())
def test_forged_sections_parse_or_are_refused(data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from(SAMPLES))
    with unpack_container(sample.kind, sample.data) as found:
        sections = [*found]
    place = data.draw(st.integers(0, len(sections)))
    match data.draw(st.sampled_from(["section", "json", "drop", "add", "swap", "body"])):
        case "drop":
            del sections[place:]
        case "add":
            sections.insert(place, data.draw(st.binary(max_size=20)))
        case "swap":
            sections = data.draw(st.permutations(sections))
        case "body":
            body = b"".join(bytes([len(s) & 127]) + s for s in sections)
            accepted_or_refused(sample, _sealed(sample.kind, data.draw(_damaged(body))))
            return
        case how:
            place %= len(sections)
            sections[place] = data.draw(_forged(sections[place], how == "json"))
    accepted_or_refused(sample, pack_container(sample.kind, sections))


def _sealed(kind: ContainerKind, body: bytes) -> bytes:
    """Any bytes between a right head and a right checksum."""
    file = io.BytesIO()
    writer = ContainerWriter(file, kind)
    writer._write(body)
    writer.finish()
    return file.getvalue()


@st.composite
def _damaged(draw: st.DrawFn, data: bytes) -> bytes:
    start = draw(st.integers(0, len(data)))
    end = draw(st.integers(start, min(start + 8, len(data))))
    return data[:start] + draw(st.binary(max_size=8)) + data[end:]


@st.composite
def _forged(draw: st.DrawFn, section: bytes, as_json: bool) -> bytes:
    """A section with a part replaced; inside its compression and its JSON where it has them."""
    with suppress(ValueError, zstandard.ZstdError):
        plain = decompress(section) if section else b""
        return compress(draw(_forged(plain, as_json))) if plain else draw(_damaged(section))
    if as_json:
        with suppress(ValueError):
            head, line, rest = section.partition(b"\n")
            return json.dumps(draw(_changed(json.loads(head)))).encode() + line + rest
    return draw(_damaged(section))


@st.composite
def _changed(draw: st.DrawFn, value: Any) -> Any:
    """JSON with one part replaced by other JSON."""
    if isinstance(value, dict | list) and value and draw(st.booleans()):
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = draw(st.sampled_from(keys))
        changed = draw(_changed(value[key]))
        if isinstance(value, dict):
            return {**value, key: changed}
        return [*value[:key], changed, *value[key + 1 :]]
    return draw(VALUES)
