"""Records to bytes and back, bound to the place where they are stored: `place` is made by
`records.entry_place`, and only there can the bytes be read. Knows nothing of stores or models.

A page is five sections: structure, body, exact values, doubts, and one byte that says whether the
body is tokens or text. They are apart so that the bytes of each can be counted.
"""

import json
import struct
from collections.abc import Sequence
from itertools import accumulate
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NonNegativeInt, TypeAdapter

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
    ZSTD_FAST,
    ContainerKind,
    compress,
    decompress,
    from_json,
    pack_container,
    to_json,
    unpack_container,
)
from optimem.protocols import VisionTokens
from optimem.tiers import Tier
from optimem.turns import ROLES

_SIZES = struct.Struct("<II")
_TOKENS, _TEXT = b"t", b"x"
_DIGEST = 8
"""Bytes of a span's digest."""


def _check_extra(extra: str) -> str:
    if extra and not isinstance(json.loads(extra), dict):
        raise ValueError(f"{extra!r:.80} is not a JSON object")
    return extra


_Extra = Annotated[str, AfterValidator(_check_extra)]
"""The extra fields of a turn as a JSON object; empty for none."""
_Flag = Literal[0, 1]
_RoleNumber = Literal[0, 1, 2, 3, 4]


class _Structure(BaseModel):
    """A page but its body. What there is of each span is in columns: equal neighbours cost next
    to nothing under zstd. `turn`, `end`: differences to the span before. `extra`: empty if no span
    has any."""

    model_config = ConfigDict(extra="forbid")

    id: str
    created: float
    accessed: float
    error: float
    text: int
    zstd: int
    turn: list[NonNegativeInt] = Field(min_length=1)
    offset: list[NonNegativeInt]
    role: list[_RoleNumber]
    key: list[str]
    time: list[float]
    end: list[NonNegativeInt]
    ends: list[_Flag]
    pinned: list[_Flag]
    digest: str
    extra: list[_Extra] = []
    tier: str = ""
    cells: NonNegativeInt = 0
    encoder: str = ""


class _Values(NamedTuple):
    """The exact values of a page, in columns."""

    cells: list[NonNegativeInt]
    texts: list[str]


class _ChunkFields(NamedTuple):
    sequence: NonNegativeInt
    offset: NonNegativeInt
    role: _RoleNumber
    turn: str
    time: float
    appended: float
    ends: _Flag
    pinned: _Flag
    extra: _Extra = ""


class _StateFields(NamedTuple):
    next: NonNegativeInt
    sequence: NonNegativeInt
    offset: NonNegativeInt
    cells: int
    appended: float
    epoch: str
    recent: str = ""


_STRUCTURE, _VALUES = TypeAdapter(_Structure), TypeAdapter(_Values)
_CHUNK, _STATE = TypeAdapter(_ChunkFields), TypeAdapter(_StateFields)


def pack_page(record: PageRecord, place: bytes) -> bytes:
    """A page as bytes."""
    if isinstance(record.body, VisionTokens):
        body, marker = record.body.data, _TOKENS
    else:
        body, marker = compress("\0".join(record.body).encode()), _TEXT
    values = [[v.cell for v in record.verbatim], [v.text for v in record.verbatim]]
    sections = [
        compress(to_json(_structure(record))),
        body,
        compress(to_json(values)) if record.verbatim else b"",
        _pack_doubts(record.doubts),
        marker,
    ]
    return pack_container(ContainerKind.PAGE, sections, place)


def unpack_page(data: bytes, place: bytes) -> PageRecord:
    """The page. Raises FormatError, VersionError or ChecksumError."""
    with unpack_container(ContainerKind.PAGE, data, place=place) as (
        described,
        body,
        values,
        doubts,
        marker,
    ):
        structure = from_json(_STRUCTURE, decompress(described))
        cells, texts = from_json(_VALUES, decompress(values)) if values else ([], [])
        return PageRecord(
            id=structure.id,
            created=structure.created,
            accessed=structure.accessed,
            error=structure.error,
            text_bytes=structure.text,
            zstd_bytes=structure.zstd,
            spans=_spans(structure),
            body=_body(structure, body, marker),
            verbatim=tuple(Verbatim(*value) for value in zip(cells, texts, strict=True)),
            doubts=_unpack_doubts(doubts),
        )


def page_parts(data: bytes, place: bytes) -> PageParts:
    """What the bytes of a packed page are for; the container counts as structure. Raises
    FormatError, VersionError or ChecksumError."""
    with unpack_container(ContainerKind.PAGE, data, place=place) as (
        _,
        body,
        values,
        doubts,
        marker,
    ):
        tokens = len(body) if marker == _TOKENS else 0
        return PageParts(
            tokens=tokens,
            text=len(body) - tokens,
            structure=len(data) - len(body) - len(values) - len(doubts),
            verbatim=len(values),
            doubts=len(doubts),
        )


def pack_chunk(chunk: Chunk, place: bytes) -> bytes:
    """A chunk as bytes."""
    fields = [
        *chunk.position,
        ROLES.index(chunk.role),
        chunk.turn,
        chunk.time,
        chunk.appended,
        int(chunk.ends),
        int(chunk.pinned),
        *([chunk.extra] if chunk.extra else []),
    ]
    content = to_json(fields) + b"\n" + chunk.text.encode()
    return pack_container(ContainerKind.CHUNK, [compress(content, ZSTD_FAST)], place)


def unpack_chunk(data: bytes, place: bytes) -> Chunk:
    """The chunk. Raises FormatError, VersionError or ChecksumError."""
    with unpack_container(ContainerKind.CHUNK, data, place=place) as (content,):
        described, text = decompress(content).split(b"\n", 1)
        fields = from_json(_CHUNK, described)
        return Chunk(
            position=Position(fields.sequence, fields.offset),
            role=ROLES[fields.role],
            turn=fields.turn,
            time=fields.time,
            appended=fields.appended,
            ends=bool(fields.ends),
            pinned=bool(fields.pinned),
            text=text.decode(),
            extra=fields.extra,
        )


def pack_state(state: ScopeState, place: bytes) -> bytes:
    """A scope's state as bytes."""
    fields = [state.next, *state.tail, state.cells, state.appended, state.epoch, state.recent]
    return pack_container(ContainerKind.STATE, [to_json(fields)], place)


def unpack_state(data: bytes, place: bytes) -> ScopeState:
    """The state. Raises FormatError, VersionError or ChecksumError."""
    with unpack_container(ContainerKind.STATE, data, place=place) as (section,):
        fields = from_json(_STATE, section)
        return ScopeState(
            next=fields.next,
            tail=Position(fields.sequence, fields.offset),
            cells=fields.cells,
            appended=fields.appended,
            epoch=fields.epoch,
            recent=fields.recent,
        )


def pack_index(index: PageIndex, place: bytes) -> bytes:
    """An index entry as bytes."""
    return pack_container(ContainerKind.INDEX, [index_section(index)], place)


def unpack_index(data: bytes, place: bytes) -> PageIndex:
    """The index entry. Raises FormatError, VersionError or ChecksumError."""
    with unpack_container(ContainerKind.INDEX, data, place=place) as (section,):
        return parse_index(section)


def index_section(index: PageIndex) -> bytes:
    """An index entry as a section: rows and postings, 4 bytes each; then, under zstd, gaps between
    sorted hashes and the other columns, in byte planes."""
    columns = [
        np.diff(index.sequence, prepend=0),
        index.length,
        np.diff(index.term, prepend=np.uint32(0)),
        index.row.astype(np.uint16),  # a page has fewer spans than 65,536
        index.count,
    ]
    sizes = _SIZES.pack(index.sequence.size, index.term.size)
    return sizes + compress(b"".join(map(_planes, columns)))


def parse_index(section: bytes) -> PageIndex:
    """The inverse of `index_section`. Raises ValueError or struct.error for anything else."""
    rows, postings = _SIZES.unpack_from(section)
    layout: list[tuple[int, type[np.generic]]] = [(rows, np.int64), (rows, np.uint32)]
    layout += [(postings, np.uint32), (postings, np.uint16), (postings, np.uint16)]
    columns, at, flat = [], 0, decompress(section[_SIZES.size :])
    for count, dtype in layout:
        size = count * np.dtype(dtype).itemsize
        columns.append(_from_planes(flat[at : at + size], dtype, count))
        at += size
    sequence, length, term, row, counts = columns
    if at != len(flat) or (row >= rows).any():
        raise ValueError(f"{len(flat)} bytes are not {rows} rows and {postings} postings")
    return PageIndex(
        np.cumsum(sequence, dtype=np.int64),
        length,
        np.cumsum(term, dtype=np.uint32),
        row.astype(np.uint32),
        counts,
    )


def pack_number(number: int, place: bytes) -> bytes:
    """A turn's number as bytes."""
    return pack_container(ContainerKind.TURN_NUMBER, [b"%d" % number], place)


def unpack_number(data: bytes, place: bytes) -> int:
    """The number. Raises FormatError, VersionError or ChecksumError."""
    with unpack_container(ContainerKind.TURN_NUMBER, data, place=place) as (section,):
        return int(section)


def pack_image(tokens: bytes, place: bytes) -> bytes:
    """An image's vision tokens as bytes."""
    return pack_container(ContainerKind.IMAGE, [tokens], place)


def unpack_image(data: bytes, place: bytes) -> bytes:
    """The tokens. Raises FormatError, VersionError or ChecksumError."""
    with unpack_container(ContainerKind.IMAGE, data, place=place) as (tokens,):
        return tokens


def _structure(record: PageRecord) -> dict[str, Any]:
    """A `_Structure`, as JSON."""
    spans = record.spans
    found: dict[str, Any] = {
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
        "digest": b"".join(span.digest for span in spans).hex(),
    }
    if any(span.extra for span in spans):
        found["extra"] = [span.extra for span in spans]
    if isinstance(record.body, VisionTokens):
        body = record.body
        found |= {"tier": body.tier.label, "cells": body.cells, "encoder": body.fingerprint}
    return found


def _spans(structure: _Structure) -> tuple[Span, ...]:
    ends = list(accumulate(structure.end))
    digests = bytes.fromhex(structure.digest)
    columns = zip(
        accumulate(structure.turn),
        structure.offset,
        structure.role,
        structure.key,
        structure.time,
        [0, *ends[:-1]],
        ends,
        structure.ends,
        structure.pinned,
        [digests[at : at + _DIGEST] for at in range(0, len(digests), _DIGEST)],
        structure.extra or [""] * len(ends),
        strict=True,
    )
    return tuple(
        Span(
            position=Position(sequence, offset),
            role=ROLES[role],
            turn=turn,
            time=time,
            start=start,
            end=end,
            ends=bool(last),
            pinned=bool(pinned),
            digest=digest,
            extra=extra,
        )
        for sequence, offset, role, turn, time, start, end, last, pinned, digest, extra in columns
    )


def _body(structure: _Structure, body: bytes, marker: bytes) -> VisionTokens | tuple[str, ...]:
    if marker == _TEXT:
        return tuple(decompress(body).decode().split("\0"))
    if marker != _TOKENS:
        raise ValueError(f"{marker!r} marks neither tokens nor text")
    return VisionTokens(Tier.parse(structure.tier), structure.cells, structure.encoder, body)


def _pack_doubts(doubts: Sequence[Doubt]) -> bytes:
    """Gaps between cells in byte planes, then levels, under zstd."""
    gaps = np.diff([doubt.cell for doubt in doubts], prepend=0).astype(np.uint16)
    levels = np.array([doubt.level for doubt in doubts], np.uint8)
    return compress(_planes(gaps) + _planes(levels))


def _unpack_doubts(data: bytes) -> tuple[Doubt, ...]:
    flat = decompress(data)
    count, rest = divmod(len(flat), 3)
    if rest:
        raise ValueError(f"{len(flat)} bytes are not three for each doubt")
    cells = np.cumsum(_from_planes(flat[: 2 * count], np.uint16, count), dtype=np.int64)
    return tuple(map(Doubt, cells.tolist(), flat[2 * count :]))


def _planes(array: NDArray[Any]) -> bytes:
    """Little-endian numbers with all first bytes together, then all second ones, …: the high
    bytes of small numbers are then one run of zeros."""
    plain = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
    return plain.view(np.uint8).reshape(-1, array.dtype.itemsize).T.tobytes()


def _from_planes(data: bytes, dtype: type[np.generic], count: int) -> NDArray[Any]:
    """The inverse of `_planes` for `count` numbers. Raises ValueError for other data."""
    rows = np.frombuffer(data, np.uint8).reshape(np.dtype(dtype).itemsize, count).T
    return np.ascontiguousarray(rows).view(np.dtype(dtype).newbyteorder("<")).ravel().astype(dtype)
