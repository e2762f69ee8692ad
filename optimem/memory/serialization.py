"""Records to bytes and back. Knows nothing of stores, keys or models.

A page is five sections: structure, body, verbatim values, doubts, and one byte that says
whether the body is tokens or text. They are apart so that each can be counted.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from optimem.memory.records import (
    Chunk,
    Doubt,
    Head,
    PageIndex,
    PageRecord,
    Position,
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

PAGE, CHUNK, HEAD, INDEX, PLACE = b"P", b"T", b"H", b"I", b"N"
_TOKENS, _TEXT = b"t", b"x"
_DIGEST = 16
"""Hexadecimal digits of a span's digest."""


@dataclass(frozen=True, slots=True)
class PageBytes:
    """Where a page's bytes go."""

    tokens: int
    text: int
    structure: int
    verbatim: int
    doubts: int


def pack_page(record: PageRecord) -> bytes:
    """A page's record as bytes."""
    if isinstance(record.body, VisionTokens):
        body, marker = record.body.data, _TOKENS
    else:
        body, marker = compress("\0".join(record.body).encode()), _TEXT
    cells = np.diff([cell for cell, _ in record.doubts], prepend=0).astype(np.uint16)
    levels = np.array([level for _, level in record.doubts], np.uint8)
    exact = [[value.cell for value in record.verbatim], [value.text for value in record.verbatim]]
    sections = [
        _compress_json(_structure(record)),
        body,
        _compress_json(exact) if record.verbatim else b"",
        compress(planes(cells) + planes(levels)),
        marker,
    ]
    return frame(PAGE, sections)


def unpack_page(data: bytes) -> PageRecord:
    """The record. Raises FormatError, VersionError or ChecksumError."""
    sections = unframe(PAGE, data)
    with format_errors("a page"):
        structure, body, exact, doubts, marker = sections
        head = _parse_json(structure)
        sparse = decompress(doubts)
        gaps = from_planes(sparse[: len(sparse) // 3 * 2], np.uint16)
        levels = sparse[len(sparse) // 3 * 2 :]
        places, values = _parse_json(exact) if exact else ([], [])
        return PageRecord(
            id=head["id"],
            created=head["created"],
            accessed=head["accessed"],
            error=head["error"],
            text_bytes=head["text"],
            zstd_bytes=head["zstd"],
            spans=_spans(head),
            body=_body(head, body, marker),
            verbatim=tuple(map(Verbatim, places, values)),
            doubts=tuple(map(Doubt, np.cumsum(gaps, dtype=np.int64).tolist(), levels)),
        )


def page_bytes(data: bytes) -> PageBytes:
    """How a packed page's bytes divide; the frame counts as structure."""
    _, body, exact, doubts, marker = unframe(PAGE, data)
    tokens = len(body) if marker == _TOKENS else 0
    return PageBytes(
        tokens=tokens,
        text=len(body) - tokens,
        structure=len(data) - len(body) - len(exact) - len(doubts),
        verbatim=len(exact),
        doubts=len(doubts),
    )


def pack_chunk(chunk: Chunk) -> bytes:
    """A piece of the open tail as bytes."""
    head = json.dumps(
        [
            *chunk.position,
            ROLES.index(chunk.role),
            chunk.key,
            chunk.time,
            chunk.appended,
            int(chunk.ends),
            int(chunk.pinned),
        ],
        separators=(",", ":"),
    )
    return frame(CHUNK, [compress(f"{head}\n{chunk.text}".encode(), level=3)])


def unpack_chunk(data: bytes) -> Chunk:
    """The piece. Raises FormatError, VersionError or ChecksumError."""
    (section,) = unframe(CHUNK, data)
    with format_errors("a piece of the open tail"):
        head, text = decompress(section).decode().split("\n", 1)
        sequence, offset, role, key, time, appended, ends, pinned = json.loads(head)
        return Chunk(
            position=Position(sequence, offset),
            role=ROLES[role],
            key=key,
            time=time,
            appended=appended,
            ends=bool(ends),
            pinned=bool(pinned),
            text=text,
        )


def pack_head(head: Head) -> bytes:
    """A scope's state as bytes."""
    fields = [head.next, *head.tail, head.cells, head.appended, head.epoch]
    return frame(HEAD, [json.dumps(fields, separators=(",", ":")).encode()])


def unpack_head(data: bytes) -> Head:
    """The state. Raises FormatError, VersionError or ChecksumError."""
    (section,) = unframe(HEAD, data)
    with format_errors("a scope's state"):
        following, sequence, offset, cells, appended, epoch = json.loads(section)
        return Head(following, Position(sequence, offset), cells, appended, epoch)


def pack_index(index: PageIndex) -> bytes:
    """A page's words as bytes: gaps between sorted hashes, in byte planes, under zstd."""
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
    """The words. Raises FormatError, VersionError or ChecksumError."""
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


def pack_place(sequence: int) -> bytes:
    """A turn's number, kept under its id, as bytes."""
    return frame(PLACE, [b"%d" % sequence])


def unpack_place(data: bytes) -> int:
    """The number. Raises FormatError, VersionError or ChecksumError."""
    (section,) = unframe(PLACE, data)
    with format_errors("a turn's place"):
        return int(section)


def _structure(record: PageRecord) -> dict[str, Any]:
    """All but the body, in columns: equal neighbours cost next to nothing under zstd."""
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
        "key": [span.key for span in spans],
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
            key=head["key"][i],
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


def _compress_json(value: Any) -> bytes:
    return compress(json.dumps(value, separators=(",", ":")).encode(), DENSEST)


def _parse_json(data: bytes) -> Any:
    return json.loads(decompress(data))
