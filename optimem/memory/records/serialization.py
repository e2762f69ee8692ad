"""Records to bytes and back, bound to the place where they are stored: `place` is made by
`records.entry_place`, and only there can the bytes be read. Pages are in `page_serialization`,
their words in `index_serialization`. Knows nothing of stores or models.
"""

import json
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, TypeAdapter

from optimem.memory.records.records import Chunk, Position, ScopeState, TurnNumber
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
from optimem.turns import ROLES


def _check_extra(extra: str) -> str:
    if extra and not isinstance(json.loads(extra), dict):
        raise ValueError(f"{extra!r:.80} is not a JSON object")
    return extra


Extra = Annotated[str, AfterValidator(_check_extra)]
"""The extra fields of a turn as a JSON object; empty for none."""
Flag = Literal[0, 1]
"""A bool."""
RoleNumber = Literal[0, 1, 2, 3, 4]
"""An index of `ROLES`."""


_Sequence = Annotated[int, Field(ge=0, lt=1 << 40)]
_Offset = Annotated[int, Field(ge=0, lt=1 << 32)]
"""Of a turn, and within one: what the digits of a key hold."""


class _ChunkFields(NamedTuple):
    sequence: _Sequence
    offset: _Offset
    role: RoleNumber
    turn: str
    time: float
    appended: float
    ends: Flag
    pinned: Flag
    extra: Extra = ""
    name: str = ""


class _StateFields(NamedTuple):
    next: _Sequence
    sequence: _Sequence
    offset: _Offset
    cells: int
    appended: float
    epoch: str
    recent: str = ""


_CHUNK, _STATE = TypeAdapter(_ChunkFields), TypeAdapter(_StateFields)


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
        *([chunk.extra] if chunk.extra or chunk.name else []),
        *([chunk.name] if chunk.name else []),
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
            name=fields.name,
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


def pack_number(number: TurnNumber, place: bytes) -> bytes:
    """A turn's number as bytes, and the digest after it if there is one."""
    section = b"%d" % number.number + (b" " + number.digest if number.digest else b"")
    return pack_container(ContainerKind.TURN_NUMBER, [section], place)


def unpack_number(data: bytes, place: bytes) -> TurnNumber:
    """The number. Raises FormatError, VersionError or ChecksumError."""
    with unpack_container(ContainerKind.TURN_NUMBER, data, place=place) as (section,):
        number, _, digest = section.partition(b" ")
        return TurnNumber(int(number), digest)


def pack_digest(text: str, place: bytes) -> bytes:
    """What a model wrote of turns as bytes."""
    return pack_container(ContainerKind.DIGEST, [compress(text.encode())], place)


def unpack_digest(data: bytes, place: bytes) -> str:
    """The text. Raises FormatError, VersionError or ChecksumError."""
    with unpack_container(ContainerKind.DIGEST, data, place=place) as (text,):
        return decompress(text).decode()


def pack_stamp(stamp: bytes, place: bytes) -> bytes:
    """A scope's stamp as bytes."""
    return pack_container(ContainerKind.STAMP, [stamp], place)


def unpack_stamp(data: bytes, place: bytes) -> bytes:
    """The stamp. Raises FormatError, VersionError or ChecksumError."""
    with unpack_container(ContainerKind.STAMP, data, place=place) as (stamp,):
        return stamp


def pack_image(tokens: bytes, place: bytes) -> bytes:
    """An image's vision tokens as bytes."""
    return pack_container(ContainerKind.IMAGE, [tokens], place)


def unpack_image(data: bytes, place: bytes) -> bytes:
    """The tokens. Raises FormatError, VersionError or ChecksumError."""
    with unpack_container(ContainerKind.IMAGE, data, place=place) as (tokens,):
        return tokens
