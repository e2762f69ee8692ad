"""A memory as JSON Lines, and back: all that is held of some scopes, readable without optimem.

The first line says what the file is. Each turn is a line as it can be read now, each image that a
turn describes a line with its vision tokens, and each page, if wanted, a line with its picture. A
turn that is imported is appended: it keeps its id, role, name, time, extra fields and pin, and
begins to fade anew, or goes on ageing from its own time; what could not be read stays U+FFFD. Knows
nothing of files.
"""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from math import inf

import numpy as np
from numpy.typing import NDArray

from optimem.errors import InputError
from optimem.memory.recall.page_reading import PageReading, read_each
from optimem.memory.recall.recall import Recaller
from optimem.memory.records.records import PageRecord
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.upkeep.whole_export import (
    FORMAT,
    VERSION,
    Line,
    Tally,
    check_header,
    reason,
    whole,
)
from optimem.reports import AppendReport, ImportReport
from optimem.results import RecalledTurn
from optimem.tiers import Tier
from optimem.turns import Scope, Turn

BATCH = 64
"""Turns appended, and pages read, at a time."""

Picture = Callable[[NDArray[np.uint8]], bytes]
"""Makes a PNG of a page's ink (S, S)."""


def export_lines(
    recallers: Iterable[Recaller], now: float, picture: Picture | None
) -> Iterator[Line]:
    """The lines of some scopes, and a last one that tells whether all are there. `picture`: adds
    the pictures of pages."""
    tally, header = Tally(), {"kind": FORMAT, "version": VERSION, "time": now}
    scopes = (_scope_lines(recaller, picture) for recaller in recallers)
    for line in chain([header], chain.from_iterable(scopes)):
        tally.add(line)
        yield line
    yield tally.end()


def _scope_lines(recaller: Recaller, picture: Picture | None) -> Iterator[Line]:
    records, scope = recaller.records, str(recaller.records.scope)
    turns = recaller.between(-inf, inf)
    pinned = {chunk.turn for chunk in records.chunks() if chunk.pinned}  # then on a page, if gone
    pages = records.at_one_moment(partial(_pages, records))
    pinned |= {span.turn for page in pages for span in page.spans if span.pinned}
    for turn in turns:
        yield {"kind": "turn", "scope": scope, **_fields(turn), "pinned": turn.id in pinned}
        tokens = records.image(turn.id)
        if tokens is not None:
            yield {"kind": "image", "scope": scope, "turn": turn.id, "tokens": _base64(tokens)}
    for damaged in recaller.unreadable:
        yield {"kind": "unreadable", **damaged.model_dump()}
    for start in range(0, len(pages) if picture else 0, BATCH):
        batch = pages[start : start + BATCH]
        for page, reading in zip(batch, read_each(batch, recaller.codec), strict=True):
            if picture and isinstance(reading, PageReading):
                drawn = recaller.codec.renderer.page(reading.cells.ids)
                png = _base64(picture(drawn.image(page.tier or Tier.LARGE)))
                tier = page.tier.label if page.tier else "text"
                yield {"kind": "page", "scope": scope, "page": page.id, "tier": tier, "png": png}


def _fields(turn: RecalledTurn) -> Line:
    names = {"id", "role", "name", "time", "text", "guess", "probability", "exact", "extra"}
    return {**turn.model_dump(mode="json", include=names), "tier": turn.tier}


def _pages(records: ScopeRecords) -> list[PageRecord]:
    records = replace(records, damage={})
    return [found.record for found in records.pages(records.page_keys()) if found]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@dataclass
class Importer:
    """Appends the lines of an export. `append`, `pin`: of the memory; `records`: of a scope."""

    append: Callable[[Scope, list[Turn]], AppendReport]
    pin: Callable[[Scope, str], None]
    records: Callable[[Scope], ScopeRecords]
    _waiting: list[tuple[Scope, Turn, bool]] = field(default_factory=list)
    _counts: dict[str, int] = field(default_factory=dict)
    _begun: bool = False

    def read(self, lines: Iterable[str], partial: bool = False) -> ImportReport:
        """Append everything. `partial`: of an export that is not whole too, all that comes before
        anything that is not a line of one. Raises InputError, naming the line, for that."""
        self._counts = dict.fromkeys(("added", "duplicates", "forgotten", "images"), 0)
        self._begun, scopes = False, set[Scope]()
        try:
            for number, text in enumerate(lines if partial else whole(lines), 1):
                if text.strip():
                    scope = self._numbered_line(number, text)
                    scopes |= {scope} if scope else set()
        except InputError:
            self._flush()
            raise
        if not self._begun:
            raise InputError("there is not a line of an export; write one with `optimem export`")
        self._flush()
        return ImportReport(scopes=len(scopes), **self._counts)

    def _numbered_line(self, number: int, text: str) -> Scope | None:
        try:
            return self._line(json.loads(text))
        except (InputError, ValueError, KeyError, TypeError, RecursionError) as error:
            done = "; what came before it is appended" if self._begun else ""
            raise InputError(
                f"line {number} is not a line of an export: {reason(error)}{done}"
            ) from None

    def _line(self, line: Line) -> Scope | None:
        if not self._begun:
            check_header(line)
        self._begun = True
        if line["kind"] not in ("turn", "image"):
            return None
        scope = Scope.parse(line["scope"])
        if line["kind"] == "image":
            tokens = base64.b64decode(line["tokens"], validate=True)
            self._flush()
            self._put_image(scope, line["turn"], tokens)
            return scope
        names = ("text", "role", "name", "id", "time", "extra")
        turn = Turn.model_validate({name: line[name] for name in names if name in line})
        if self._waiting and (self._waiting[0][0] != scope or len(self._waiting) == BATCH):
            self._flush()
        self._waiting.append((scope, turn, bool(line.get("pinned"))))
        return scope

    def _put_image(self, scope: Scope, turn: str, tokens: bytes) -> None:
        """Store an image's tokens beside its turn, unless that was forgotten."""
        records = self.records(scope)
        if records.turn_numbers([turn]) != [None]:
            records.put_image(turn, tokens)
            self._counts["images"] += 1

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        scope = waiting[0][0]
        report = self.append(scope, [turn for _, turn, _ in waiting])
        for name, count in report.model_dump().items():
            self._counts[name] += count
        for _, turn, pinned in waiting:
            if pinned and self.records(scope).turn_numbers([turn.key]) != [None]:
                self.pin(scope, turn.key)
