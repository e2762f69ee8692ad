"""Records to bytes and back. Knows nothing of stores, keys or models.

A page is five sections: structure, body, exact values, doubts, and one byte that says whether the
body is tokens or text. They are apart so that the bytes of each can be counted.
"""

import json
from typing import Any

import numpy as np

from optimem.memory.records import (
    Chunk,
    Doubt,
    PageIndex,
    PageParts,
    PageRecord,
    Position,
    ScopeState,
    Span,
    Verbatim,
)
from optimem.omem.container import (
    DENSEST,
    compress,
    decompress,
    format_errors,
    frame,
    from_planes,
    planes,
    unframe,
)
from optimem.protocols import VisionTokens
from optimem.tiers import Tier
from optimem.turns import ROLES

PAGE, CHUNK, STATE, INDEX, NUMBER = b"P", b"T", b"H", b"I", b"N"
"""Kinds of entries, in their frames."""
_TOKENS, _TEXT = b"t", b"x"
_DIGEST = 16
"""Hexadecimal digits of a span's digest."""
_CHUNK_LEVEL = 3
"""zstd level of chunks: appending must be fast, and they are soon put on pages."""


def pack_page(record: PageRecord) -> bytes:
    """A page as bytes."""
    if isinstance(record.body, VisionTokens):
        body, marker = record.body.data, _TOKENS
    else:
        body, marker = compress("\0".join(record.body).encode()), _TEXT
    exact = [[value.cell for value in record.verbatim], [value.text for value in record.verbatim]]
    sections = [
        _compress_json(_structure(record)),
        body,
        _compress_json(exact) if record.verbatim else b"",
        _pack_doubts(record.doubts),
        marker,
    ]
    return frame(PAGE, sections)


def unpack_page(data: bytes) -> PageRecord:
    """The page. Raises FormatError, VersionError or ChecksumError."""
    sections = unframe(PAGE, data)
    with format_errors("a page"):
        structure, body, exact, doubts, marker = sections
        head = _parse_json(structure)
        cells, values = _parse_json(exact) if exact else ([], [])
        return PageRecord(
            id=head["id"],
            created=head["created"],
            accessed=head["accessed"],
            error=head["error"],
            text_bytes=head["text"],
            zstd_bytes=head["zstd"],
            spans=_spans(head),
            body=_body(head, body, marker),
            verbatim=tuple(map(Verbatim, cells, values)),
            doubts=_unpack_doubts(doubts),
        )


def page_parts(data: bytes) -> PageParts:
    """What the bytes of a packed page are for; the frame counts as structure. Raises FormatError,
    VersionError or ChecksumError."""
    _, body, exact, doubts, marker = unframe(PAGE, data)
    tokens = len(body) if marker == _TOKENS else 0
    return PageParts(
        tokens=tokens,
        text=len(body) - tokens,
        structure=len(data) - len(body) - len(exact) - len(doubts),
        verbatim=len(exact),
        doubts=len(doubts),
    )


def pack_chunk(chunk: Chunk) -> bytes:
    """A chunk as bytes."""
    head = json.dumps(
        [
            *chunk.position,
            ROLES.index(chunk.role),
            chunk.turn,
            chunk.time,
            chunk.appended,
            int(chunk.ends),
            int(chunk.pinned),
        ],
        separators=(",", ":"),
    )
    return frame(CHUNK, [compress(f"{head}\n{chunk.text}".encode(), level=_CHUNK_LEVEL)])


def unpack_chunk(data: bytes) -> Chunk:
    """The chunk. Raises FormatError, VersionError or ChecksumError."""
    (section,) = unframe(CHUNK, data)
    with format_errors("a chunk"):
        head, text = decompress(section).decode().split("\n", 1)
        sequence, offset, role, turn, time, appended, ends, pinned = json.loads(head)
        return Chunk(
            position=Position(sequence, offset),
            role=ROLES[role],
            turn=turn,
            time=time,
            appended=appended,
            ends=bool(ends),
            pinned=bool(pinned),
            text=text,
        )


def pack_state(state: ScopeState) -> bytes:
    """A scope's state as bytes."""
    fields = [state.next, *state.tail, state.cells, state.appended, state.epoch]
    return frame(STATE, [json.dumps(fields, separators=(",", ":")).encode()])


def unpack_state(data: bytes) -> ScopeState:
    """The state. Raises FormatError, VersionError or ChecksumError."""
    (section,) = unframe(STATE, data)
    with format_errors("a scope's state"):
        following, sequence, offset, cells, appended, epoch = json.loads(section)
        return ScopeState(following, Position(sequence, offset), cells, appended, epoch)


def pack_index(index: PageIndex) -> bytes:
    """An index entry as bytes: gaps between sorted hashes, in byte planes, under zstd."""
    columns = [
        np.diff(index.sequence, prepend=0),
        index.length,
        np.diff(index.term, prepend=np.uint32(0)),
        index.row,
        index.count,
    ]
    sizes = np.array([index.sequence.size, index.term.size], np.uint32).tobytes()
    return frame(INDEX, [sizes, compress(b"".join(map(planes, columns)))])


def unpack_index(data: bytes) -> PageIndex:
    """The index entry. Raises FormatError, VersionError or ChecksumError."""
    sizes, packed = unframe(INDEX, data)
    with format_errors("an index entry"):
        rows, postings = np.frombuffer(sizes, "<u4").tolist()
        layout: list[tuple[int, type[np.generic]]] = [(rows, np.int64), (rows, np.uint32)]
        layout += [(postings, np.uint32), (postings, np.uint16), (postings, np.uint16)]
        columns, at, flat = [], 0, decompress(packed)
        for count, dtype in layout:
            size = count * np.dtype(dtype).itemsize
            columns.append(from_planes(flat[at : at + size], dtype))
            at += size
        sequence, length, term, row, counts = columns
        return PageIndex(
            np.cumsum(sequence, dtype=np.int64),
            length,
            np.cumsum(term, dtype=np.uint32),
            row,
            counts,
        )


def pack_number(number: int) -> bytes:
    """A turn's number as bytes."""
    return frame(NUMBER, [b"%d" % number])


def unpack_number(data: bytes) -> int:
    """The number. Raises FormatError, VersionError or ChecksumError."""
    (section,) = unframe(NUMBER, data)
    with format_errors("a turn's number"):
        return int(section)


def _structure(record: PageRecord) -> dict[str, Any]:
    """All but the body. Spans are stored in columns: equal neighbours cost next to nothing under
    zstd."""
    spans = record.spans
    head: dict[str, Any] = {
        "id": record.id,
        "created": record.created,
        "accessed": record.accessed,
        "error": record.error,
        "text": record.text_bytes,
        "zstd": record.zstd_bytes,
        "turn": np.diff([span.position.sequence for span in spans], prepend=0).tolist(),
        "offset": [span.position.offset for span in spans],
        "role": [ROLES.index(span.role) for span in spans],
        "key": [span.turn for span in spans],
        "time": [span.time for span in spans],
        "end": np.diff([span.end for span in spans], prepend=0).tolist(),
        "ends": [int(span.ends) for span in spans],
        "pinned": [int(span.pinned) for span in spans],
        "digest": "".join(span.digest.hex() for span in spans),
    }
    if isinstance(record.body, VisionTokens):
        body = record.body
        head |= {"tier": body.tier.label, "cells": body.cells, "encoder": body.fingerprint}
    return head


def _spans(head: dict[str, Any]) -> tuple[Span, ...]:
    ends = np.cumsum(head["end"]).tolist()
    turns = np.cumsum(head["turn"]).tolist()
    return tuple(
        Span(
            position=Position(turns[i], head["offset"][i]),
            role=ROLES[head["role"][i]],
            turn=head["key"][i],
            time=head["time"][i],
            start=ends[i - 1] if i else 0,
            end=ends[i],
            ends=bool(head["ends"][i]),
            pinned=bool(head["pinned"][i]),
            digest=bytes.fromhex(head["digest"][i * _DIGEST : (i + 1) * _DIGEST]),
        )
        for i in range(len(ends))
    )


def _body(head: dict[str, Any], body: bytes, marker: bytes) -> VisionTokens | tuple[str, ...]:
    if marker == _TEXT:
        return tuple(decompress(body).decode().split("\0"))
    return VisionTokens(Tier.parse(head["tier"]), head["cells"], head["encoder"], body)


def _pack_doubts(doubts: tuple[Doubt, ...]) -> bytes:
    """Gaps between cells, two bytes each, then levels."""
    gaps = np.diff([doubt.cell for doubt in doubts], prepend=0).astype(np.uint16)
    levels = np.array([doubt.level for doubt in doubts], np.uint8)
    return compress(planes(gaps) + planes(levels))


def _unpack_doubts(data: bytes) -> tuple[Doubt, ...]:
    plain = decompress(data)
    count = len(plain) // 3
    cells = np.cumsum(from_planes(plain[: 2 * count], np.uint16), dtype=np.int64)
    return tuple(map(Doubt, cells.tolist(), plain[2 * count :]))


def _compress_json(value: Any) -> bytes:
    return compress(json.dumps(value, separators=(",", ":")).encode(), DENSEST)


def _parse_json(data: bytes) -> Any:
    return json.loads(decompress(data))
