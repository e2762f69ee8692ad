"""Stored bytes are read whole or refused by name."""

from dataclasses import replace
from functools import partial

import pytest

from optimem.errors import ChecksumError, FormatError
from optimem.memory.recall.retrieval import index_page
from optimem.memory.records import index_serialization, page_serialization, serialization
from optimem.memory.records.records import (
    Chunk,
    Position,
    ScopeState,
    TurnNumber,
)
from tests.memory.records.test_page_serialization import PLACE, RECORD, SPANS

SECRET = bytes(32)


def test_chunks_states_and_numbers_come_back() -> None:
    chunk = Chunk(Position(2, 7), "tool", "k", 1.5, 2.5, False, True, "text\nwith lines ✓")
    assert serialization.unpack_chunk(serialization.pack_chunk(chunk, PLACE), PLACE) == chunk
    state = ScopeState(3, Position(1, 5), 77, 9.5, "e")
    assert serialization.unpack_state(serialization.pack_state(state, PLACE), PLACE) == state
    for number in (TurnNumber(41, b""), TurnNumber(0, b"8 bytes!")):
        assert (
            serialization.unpack_number(serialization.pack_number(number, PLACE), PLACE) == number
        )


def test_bytes_are_read_only_where_they_were_stored() -> None:
    chunk = Chunk(Position(2, 7), "tool", "k", 1.5, 2.5, False, True, "text")
    index = index_page([(3, "alpha beta beta")])
    state = ScopeState(3, Position(1, 5), 77, 9.5, "e")
    packed = [
        (page_serialization.unpack_page, page_serialization.pack_page(RECORD, PLACE)),
        (page_serialization.page_parts, page_serialization.pack_page(RECORD, PLACE)),
        (serialization.unpack_chunk, serialization.pack_chunk(chunk, PLACE)),
        (
            partial(index_serialization.unpack_index, secret=SECRET),
            index_serialization.pack_index(index, PLACE, SECRET),
        ),
        (serialization.unpack_state, serialization.pack_state(state, PLACE)),
        (serialization.unpack_number, serialization.pack_number(TurnNumber(7, b""), PLACE)),
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
        page_serialization.unpack_page(page_serialization.pack_page(record, PLACE), PLACE)


@pytest.mark.parametrize("position", [Position(1 << 40, 0), Position(0, 1 << 32), Position(-1, 0)])
def test_positions_that_no_key_can_spell_are_refused(position: Position) -> None:
    chunk = Chunk(position, "user", "k", 1.5, 2.5, True, False, "text")
    with pytest.raises(FormatError):
        serialization.unpack_chunk(serialization.pack_chunk(chunk, PLACE), PLACE)
    state = ScopeState(3, position, 7, 9.5, "e")
    with pytest.raises(FormatError):
        serialization.unpack_state(serialization.pack_state(state, PLACE), PLACE)
