"""Page records to bytes and back, bound to the place where they are stored.

A page is five sections: structure, body, exact values, doubts, and one byte that says whether the
body is tokens or text. They are apart so that the bytes of each can be counted.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, TypeAdapter

from optimem.memory.index_serialization import from_planes, planes
from optimem.memory.records import Doubt, PageParts, PageRecord, Position, Span, Verbatim
from optimem.memory.serialization import Extra, Flag, RoleNumber
from optimem.omem.container import (
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

_TOKENS, _TEXT = b"t", b"x"
_DIGEST = 8
"""Bytes of a span's digest."""


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
    role: list[RoleNumber]
    key: list[str]
    time: list[float]
    end: list[NonNegativeInt]
    ends: list[Flag]
    pinned: list[Flag]
    digest: str
    extra: list[Extra] = []
    tier: str = ""
    cells: NonNegativeInt = 0
    encoder: str = ""


class _Values(NamedTuple):
    """The exact values of a page, in columns."""

    cells: list[NonNegativeInt]
    texts: list[str]


_STRUCTURE, _VALUES = TypeAdapter(_Structure), TypeAdapter(_Values)


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
    return compress(planes(gaps) + planes(levels))


def _unpack_doubts(data: bytes) -> tuple[Doubt, ...]:
    flat = decompress(data)
    count, rest = divmod(len(flat), 3)
    if rest:
        raise ValueError(f"{len(flat)} bytes are not three for each doubt")
    cells = np.cumsum(from_planes(flat[: 2 * count], np.uint16, count), dtype=np.int64)
    return tuple(map(Doubt, cells.tolist(), flat[2 * count :]))
