"""A memory as one self-contained HTML page: pages by age and tier, what fades when, bytes, and a
search over what can be read. It only looks; the memory stays as it is.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any

from optimem.api.memory import OpticalMemory
from optimem.errors import ScopeError
from optimem.evaluation.report import embed_json, open_template
from optimem.memory.records import PageRecord
from optimem.memory.scope_records import ScopeRecords
from optimem.results import MemoryStats, RecalledTurn
from optimem.text.ages import ago, duration
from optimem.tiers import Tier
from optimem.turns import Scope

TEXT_LIMIT = 4_000  # characters of a turn that the page shows and searches
PAGE_HEADER = [
    "page", "written", "last recalled", "tier", "fades", "expected right", "bytes of text",
]  # fmt: skip
BYTES = (
    ("text as written", "text_bytes"),
    ("the same text under zstd", "zstd_bytes"),
    ("vision tokens", "token_bytes"),
    ("pages kept as text", "kept_text_bytes"),
    ("structure", "structure_bytes"),
    ("exact values", "verbatim_bytes"),
    ("doubtful cells", "doubt_bytes"),
    ("index", "index_bytes"),
    ("text not on a page yet", "tail_bytes"),
    ("everything stored", "stored_bytes"),
)
"""What the byte table shows, and the fields of `MemoryStats`."""


def write_inspection(
    memory: OpticalMemory, scope: str | None, path: Path, *, now: float | None = None
) -> None:
    """Write the page for a scope, or for the whole store. `now`: seconds since the epoch;
    default the memory's clock. Raises ScopeError if there is nothing to show."""
    moment = memory.clock() if now is None else now
    scopes = list(memory.store.scopes()) if scope is None else [Scope.parse(scope)]
    stats = memory.stats(scope)
    if not stats.stored_bytes:
        known = ", ".join(str(each) for each in memory.store.scopes()) or "none"
        raise ScopeError(f"there is nothing in {scope or 'the store'}; scopes with turns: {known}")
    turns = [
        _turn_data(each, turn) for each in scopes for turn in memory.reconstruct(each, now=moment)
    ]
    page = open_template("inspection.html").render(
        scope=scope or "all scopes",
        moment=_date(moment),
        stats=stats,
        pages=page_table(memory, scopes, moment),
        tiers=tier_table(stats),
        bytes=byte_table(stats),
        data=embed_json(turns),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, "utf-8")


def page_table(memory: OpticalMemory, scopes: Sequence[Scope], now: float) -> list[list[str]]:
    """Every page: its age, its tier, and when it fades, soonest first."""
    rows: list[tuple[float, list[str]]] = []
    for scope in scopes:
        records = ScopeRecords(memory.store, scope)
        dues = {info.key: info.due for info in memory.store.entries(scope)}
        keys = records.page_keys()
        for key, found in zip(keys, records.pages(keys), strict=True):
            if found:
                due = dues.get(key.page)
                row = _page_row(scope, found.record, due, now)
                rows.append((inf if due is None else due, row))
    return [PAGE_HEADER, *(row for _, row in sorted(rows, key=lambda row: row[0]))]


def _page_row(scope: Scope, record: PageRecord, due: float | None, now: float) -> list[str]:
    return [
        f"{scope} · {record.id[:8]}",
        ago(now - record.created),
        ago(now - record.accessed),
        record.tier.label if record.tier else "text",
        "pinned" if record.pinned else _due(due, now),
        f"{1 - record.error:.2%}",
        f"{record.text_bytes:,}",
    ]


def tier_table(stats: MemoryStats) -> list[list[str]]:
    """The number of pages at each tier, sharpest first."""
    rows = [["tier", "pages", "vision tokens", "positions"]]
    for tier in sorted(Tier, reverse=True):
        count = stats.pages_by_tier.get(tier.label, 0)
        tokens, positions = count * tier.tokens, count * tier.positions
        rows.append([tier.label, f"{count}", f"{tokens:,}", f"{positions:,}"])
    return [*rows, ["kept as text", f"{stats.pages_by_tier.get('text', 0)}", "–", "–"]]


def byte_table(stats: MemoryStats) -> list[list[str]]:
    """What is stored, and what the text alone would take."""
    fields = stats.model_dump()
    return [["what", "bytes"], *([name, f"{fields[field]:,}"] for name, field in BYTES)]


def _turn_data(scope: Scope, turn: RecalledTurn) -> dict[str, Any]:
    """A turn for the search in the page."""
    return {
        "scope": str(scope),
        "id": turn.id,
        "role": turn.role,
        "date": _date(turn.time),
        "tier": turn.tier,
        "exact": turn.exact,
        "probability": round(turn.probability, 4),
        "text": turn.text[:TEXT_LIMIT],
        "cut": len(turn.text) > TEXT_LIMIT,
    }


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _due(due: float | None, now: float) -> str:
    if due is None:
        return "never"
    return "at the next sweep" if due <= now else f"in {duration(due - now)}"
