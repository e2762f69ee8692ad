"""Page records to bytes and back, bound to the place where they are stored.

A page is four sections: structure, body, corrections, and one byte that says whether the body is
tokens or text. They are apart so that the bytes of each can be counted.
"""

import json
from itertools import accumulate
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, TypeAdapter

from optimem.memory.records.records import PageParts, PageRecord, Position, Span
from optimem.memory.records.serialization import Extra, Flag, RoleNumber
from optimem.omem.container import (
    ContainerKind,
    compress,
    decompress,
    from_json,
    pack_container,
    to_json,
    unpack_container,
)
from optimem.omem.corrections import DIGEST
from optimem.protocols import VisionTokens
from optimem.text.keeping import Keep
from optimem.tiers import Tier
from optimem.turns import ROLES

_TOKENS, _TEXT = b"t", b"x"


class _Structure(BaseModel):
    """A page but its body. What there is of each span is in columns: equal neighbours cost next
    to nothing under zstd. `turn`, `end`: differences to the span before. `extra`, `name`: empty if
    no span has any."""

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
    name: list[str] = []
    tier: str = ""
    cells: NonNegativeInt = 0
    encoder: str = ""
    kept: str = Keep.ALL.value
    misread: float = 0.0


_STRUCTURE = TypeAdapter(_Structure)
_TEXTS = TypeAdapter(list[str])


def pack_page(record: PageRecord, place: bytes) -> bytes:
    """A page as bytes."""
    if isinstance(record.body, VisionTokens):
        body, marker = record.body.data, _TOKENS
    else:
        body, marker = compress(json.dumps(record.body, ensure_ascii=False).encode()), _TEXT
    sections = [compress(to_json(_structure(record))), body, record.corrections, marker]
    return pack_container(ContainerKind.PAGE, sections, place)


def unpack_page(data: bytes, place: bytes) -> PageRecord:
    """The page. Raises FormatError, VersionError or ChecksumError."""
    with unpack_container(ContainerKind.PAGE, data, place=place) as sections:
        described, body, corrections, marker = sections
        structure = from_json(_STRUCTURE, decompress(described))
        return PageRecord(
            id=structure.id,
            created=structure.created,
            accessed=structure.accessed,
            error=structure.error,
            text_bytes=structure.text,
            zstd_bytes=structure.zstd,
            spans=_spans(structure),
            body=_body(structure, body, marker),
            kept=Keep(structure.kept),
            corrections=corrections,
            misread=structure.misread,
        )


def page_parts(data: bytes, place: bytes) -> PageParts:
    """What the bytes of a packed page are for; the container counts as structure. Raises
    FormatError, VersionError or ChecksumError."""
    with unpack_container(ContainerKind.PAGE, data, place=place) as (_, body, corrections, marker):
        tokens = len(body) if marker == _TOKENS else 0
        return PageParts(
            tokens=tokens,
            text=len(body) - tokens,
            structure=len(data) - len(body) - len(corrections),
            corrections=len(corrections),
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
    if any(span.name for span in spans):
        found["name"] = [span.name for span in spans]
    if isinstance(record.body, VisionTokens):
        body = record.body
        found |= {"tier": body.tier.label, "cells": body.cells, "encoder": body.fingerprint}
        found |= {"kept": record.kept.value, "misread": record.misread}
    return found


def _spans(structure: _Structure) -> tuple[Span, ...]:
    ends, numbers = list(accumulate(structure.end)), list(accumulate(structure.turn))
    if not all(0 <= number < 1 << 40 for number in numbers):  # what the digits of a key hold
        raise ValueError("a turn's number is beyond those of a scope")
    digests = bytes.fromhex(structure.digest)
    columns = zip(
        numbers,
        structure.offset,
        structure.role,
        structure.key,
        structure.time,
        [0, *ends[:-1]],
        ends,
        structure.ends,
        structure.pinned,
        [digests[at : at + DIGEST] for at in range(0, len(digests), DIGEST)],
        structure.extra or [""] * len(ends),
        structure.name or [""] * len(ends),
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
            name=name,
        )
        for (
            sequence,
            offset,
            role,
            turn,
            time,
            start,
            end,
            last,
            pinned,
            digest,
            extra,
            name,
        ) in columns
    )


def _body(structure: _Structure, body: bytes, marker: bytes) -> VisionTokens | tuple[str, ...]:
    if marker == _TEXT:
        texts: list[str] = from_json(_TEXTS, decompress(body))
        return tuple(texts)
    if marker != _TOKENS:
        raise ValueError(f"{marker!r} marks neither tokens nor text")
    return VisionTokens(Tier.parse(structure.tier), structure.cells, structure.encoder, body)
