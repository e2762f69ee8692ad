"""Stored bytes are read whole or refused by name."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimem.errors import ChecksumError, FormatError, VersionError
from optimem.memory import serialization
from optimem.memory.records import (
    Chunk,
    Doubt,
    PageRecord,
    Position,
    ScopeState,
    Span,
    Verbatim,
    text_digest,
)
from optimem.memory.retrieval import index_page
from optimem.omem.container import ContainerKind, pack_container
from optimem.protocols import VisionTokens
from optimem.tiers import Tier

SPANS = tuple(
    Span(Position(i, 0), "user", f"m{i}", 5.0, 3 * i, 3 * i + 3, True, False, text_digest("ab"))
    for i in range(3)
)
PLACE = b"where it is stored"
TOKENS = VisionTokens(Tier.SMALL, 9, "nano-1", b"tokens")
RECORD = PageRecord(
    "0123456789abcdef", 1.0, 2.0, 0.01, 6, 9, SPANS, TOKENS,
    (Verbatim(4, "b"),), (Doubt(0, 3), Doubt(7, 90)),
)  # fmt: skip


def test_pages_come_back() -> None:
    assert serialization.unpack_page(serialization.pack_page(RECORD, PLACE), PLACE) == RECORD


def test_what_a_turn_carries_beside_its_text_comes_back() -> None:
    spans = (SPANS[0], replace(SPANS[1], extra='{"name":"\\u00fc"}'), SPANS[2])
    record = replace(RECORD, spans=spans)
    assert serialization.unpack_page(serialization.pack_page(record, PLACE), PLACE) == record
    chunk = Chunk(Position(0, 0), "tool", "k", 1.5, 2.5, True, True, "text", '{"a":"\\n"}')
    assert serialization.unpack_chunk(serialization.pack_chunk(chunk, PLACE), PLACE) == chunk


def test_kept_text_comes_back() -> None:
    record = replace(RECORD, body=("ab", "", "cd"))
    assert serialization.unpack_page(serialization.pack_page(record, PLACE), PLACE) == record


def test_a_page_without_doubts_or_exact_values_comes_back() -> None:
    record = replace(RECORD, verbatim=(), doubts=())
    data = serialization.pack_page(record, PLACE)
    assert serialization.unpack_page(data, PLACE) == record
    parts = serialization.page_parts(data, PLACE)
    assert (parts.verbatim, parts.doubts) == (0, 0)


@given(st.sets(st.integers(0, 12_799)), st.data())
def test_doubts_come_back(cells: set[int], data: st.DataObject) -> None:
    levels = st.integers(0, 255)
    doubts = tuple(Doubt(cell, data.draw(levels)) for cell in sorted(cells))
    record = replace(RECORD, doubts=doubts)
    assert serialization.unpack_page(serialization.pack_page(record, PLACE), PLACE) == record


def test_the_bytes_of_a_page_add_up() -> None:
    data = serialization.pack_page(RECORD, PLACE)
    parts = serialization.page_parts(data, PLACE)
    assert parts.tokens == len(b"tokens")
    assert sum(parts) == len(data)


def test_chunks_states_and_numbers_come_back() -> None:
    chunk = Chunk(Position(2, 7), "tool", "k", 1.5, 2.5, False, True, "text\nwith lines ✓")
    assert serialization.unpack_chunk(serialization.pack_chunk(chunk, PLACE), PLACE) == chunk
    state = ScopeState(3, Position(1, 5), 77, 9.5, "e")
    assert serialization.unpack_state(serialization.pack_state(state, PLACE), PLACE) == state
    assert serialization.unpack_number(serialization.pack_number(41, PLACE), PLACE) == 41


def test_index_entries_come_back() -> None:
    index = index_page([(3, "alpha beta beta"), (4, "gamma alpha")])
    again = serialization.unpack_index(serialization.pack_index(index, PLACE), PLACE)
    for name in ("sequence", "length", "term", "row", "count"):
        assert np.array_equal(getattr(again, name), getattr(index, name)), name


def test_an_empty_index_entry_comes_back() -> None:
    again = serialization.unpack_index(serialization.pack_index(index_page([]), PLACE), PLACE)
    assert (again.sequence.size, again.term.size) == (0, 0)


def test_every_flipped_byte_is_noticed() -> None:
    data = bytearray(serialization.pack_page(RECORD, PLACE))
    for place in range(len(data)):
        data[place] ^= 0x55
        with pytest.raises(FormatError):
            serialization.unpack_page(bytes(data), PLACE)
        data[place] ^= 0x55


def test_every_cut_is_noticed() -> None:
    data = serialization.pack_page(RECORD, PLACE)
    for end in range(len(data)):
        with pytest.raises(FormatError):
            serialization.unpack_page(data[:end], PLACE)


def test_a_newer_version_and_another_kind_are_named() -> None:
    data = bytearray(serialization.pack_page(RECORD, PLACE))
    data[4] = 9
    with pytest.raises(VersionError, match="format version 9"):
        serialization.unpack_page(bytes(data), PLACE)
    with pytest.raises(FormatError, match="holds the number of a turn, not a page"):
        serialization.unpack_page(serialization.pack_number(1, PLACE), PLACE)
    with pytest.raises(FormatError, match="a page cannot be read"):
        serialization.unpack_page(
            pack_container(ContainerKind.PAGE, [b"", b"", b"", b"", b""], PLACE), PLACE
        )


def test_bytes_are_read_only_where_they_were_stored() -> None:
    chunk = Chunk(Position(2, 7), "tool", "k", 1.5, 2.5, False, True, "text")
    index = index_page([(3, "alpha beta beta")])
    state = ScopeState(3, Position(1, 5), 77, 9.5, "e")
    packed = [
        (serialization.unpack_page, serialization.pack_page(RECORD, PLACE)),
        (serialization.page_parts, serialization.pack_page(RECORD, PLACE)),
        (serialization.unpack_chunk, serialization.pack_chunk(chunk, PLACE)),
        (serialization.unpack_index, serialization.pack_index(index, PLACE)),
        (serialization.unpack_state, serialization.pack_state(state, PLACE)),
        (serialization.unpack_number, serialization.pack_number(7, PLACE)),
        (serialization.unpack_image, serialization.pack_image(b"tokens", PLACE)),
    ]
    for unpack, data in packed:
        unpack(data, PLACE)
        for elsewhere in (b"", b"where it is store", PLACE + b"\0"):
            with pytest.raises(
                ChecksumError, match="written elsewhere" if elsewhere else "damaged"
            ):
                unpack(data, elsewhere)


@pytest.mark.parametrize("extra", ["{", "[]", '"text"', "[" * 100_000])
def test_extra_fields_that_are_not_an_object_are_refused(extra: str) -> None:
    chunk = Chunk(Position(2, 7), "tool", "k", 1.5, 2.5, False, True, "text", extra)
    record = replace(RECORD, spans=(replace(SPANS[0], extra=extra), *SPANS[1:]))
    with pytest.raises(FormatError, match="a chunk of the tail cannot be read"):
        serialization.unpack_chunk(serialization.pack_chunk(chunk, PLACE), PLACE)
    with pytest.raises(FormatError, match="a page cannot be read"):
        serialization.unpack_page(serialization.pack_page(record, PLACE), PLACE)
