"""Stored pages are read whole or refused by name."""

from dataclasses import replace

import pytest

from optimem.errors import FormatError, VersionError
from optimem.memory.records import page_serialization, serialization
from optimem.memory.records.records import (
    Chunk,
    PageRecord,
    Position,
    Span,
    TurnNumber,
)
from optimem.omem.container import ContainerKind, pack_container
from optimem.omem.corrections import text_digest
from optimem.protocols import VisionTokens
from optimem.text.keeping import Keep
from optimem.tiers import Tier

SPANS = tuple(
    Span(Position(i, 0), "user", f"m{i}", 5.0, 3 * i, 3 * i + 3, True, False, text_digest("ab"))
    for i in range(3)
)
PLACE = b"where it is stored"
TOKENS = VisionTokens(Tier.SMALL, 9, "nano-1", b"tokens")
RECORD = PageRecord(
    "0123456789abcdef", 1.0, 2.0, 0.01, 6, 9, SPANS, TOKENS,
    Keep.VALUES, b"corrections", 0.02,
)  # fmt: skip


def test_pages_come_back() -> None:
    assert (
        page_serialization.unpack_page(page_serialization.pack_page(RECORD, PLACE), PLACE) == RECORD
    )


def test_what_a_turn_carries_beside_its_text_comes_back() -> None:
    spans = (SPANS[0], replace(SPANS[1], extra='{"name":"\\u00fc"}'), SPANS[2])
    record = replace(RECORD, spans=spans)
    assert (
        page_serialization.unpack_page(page_serialization.pack_page(record, PLACE), PLACE) == record
    )
    chunk = Chunk(Position(0, 0), "tool", "k", 1.5, 2.5, True, True, "text", '{"a":"\\n"}')
    assert serialization.unpack_chunk(serialization.pack_chunk(chunk, PLACE), PLACE) == chunk


def test_kept_text_comes_back() -> None:
    record = replace(RECORD, body=("ab", "", "c\0d"), kept=Keep.ALL, misread=0.0)
    assert (
        page_serialization.unpack_page(page_serialization.pack_page(record, PLACE), PLACE) == record
    )


def test_a_page_without_corrections_comes_back() -> None:
    record = replace(RECORD, kept=Keep.ALL, corrections=b"", misread=0.0)
    data = page_serialization.pack_page(record, PLACE)
    assert page_serialization.unpack_page(data, PLACE) == record
    parts = page_serialization.page_parts(data, PLACE)
    assert parts.corrections == 0


def test_the_bytes_of_a_page_add_up() -> None:
    data = page_serialization.pack_page(RECORD, PLACE)
    parts = page_serialization.page_parts(data, PLACE)
    assert (parts.tokens, parts.corrections) == (len(b"tokens"), len(b"corrections"))
    assert sum(parts) == len(data)


def test_every_flipped_byte_is_noticed() -> None:
    data = bytearray(page_serialization.pack_page(RECORD, PLACE))
    for place in range(len(data)):
        data[place] ^= 0x55
        with pytest.raises(FormatError):
            page_serialization.unpack_page(bytes(data), PLACE)
        data[place] ^= 0x55


def test_every_cut_is_noticed() -> None:
    data = page_serialization.pack_page(RECORD, PLACE)
    for end in range(len(data)):
        with pytest.raises(FormatError):
            page_serialization.unpack_page(data[:end], PLACE)


def test_a_newer_version_and_another_kind_are_named() -> None:
    data = bytearray(page_serialization.pack_page(RECORD, PLACE))
    data[4] = 9
    with pytest.raises(VersionError, match="format version 9"):
        page_serialization.unpack_page(bytes(data), PLACE)
    with pytest.raises(FormatError, match="holds the number of a turn, not a page"):
        page_serialization.unpack_page(serialization.pack_number(TurnNumber(1, b""), PLACE), PLACE)
    with pytest.raises(FormatError, match="a page cannot be read"):
        page_serialization.unpack_page(
            pack_container(ContainerKind.PAGE, [b"", b"", b"", b""], PLACE), PLACE
        )
