"""A user's own memory as one self-contained page: by age and tier, what fades when, bytes, and
a search over what can be read. Looks, and changes nothing.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from optimem.api.memory import OpticalMemory
from optimem.errors import ScopeError
from optimem.evaluation.report import embedded, template
from optimem.memory.scope_records import ScopeRecords
from optimem.results import MemoryStats, RecalledTurn
from optimem.text.ages import ago, duration
from optimem.tiers import Tier
from optimem.turns import Scope

TEXT_LIMIT = 4_000  # characters of a turn that the page shows and searches
BYTES = (
    ("the text as it was written", "text_bytes"),
    ("the same under zstd", "zstd_bytes"),
    ("vision tokens", "token_bytes"),
    ("pages kept as text", "kept_text_bytes"),
    ("structure", "structure_bytes"),
    ("exact values kept", "verbatim_bytes"),
    ("doubts kept", "doubt_bytes"),
    ("index", "index_bytes"),
    ("text not on a page yet", "tail_bytes"),
    ("all that is stored", "stored_bytes"),
)


def write_inspection(
    memory: OpticalMemory, scope: str | None, path: Path, *, now: float | None = None
) -> None:
    """Write the page for a scope, or for the whole store. `now`: seconds since the epoch,
    default the memory's clock. Raises ScopeError if there is nothing."""
    moment = memory.clock() if now is None else now
    wanted = list(memory.store.scopes()) if scope is None else [Scope.parse(scope)]
    stats = memory.stats(scope)
    if not stats.stored_bytes:
        known = ", ".join(str(each) for each in memory.store.scopes()) or "none at all"
        raise ScopeError(f"nothing is remembered under {scope or 'any scope'}; there is: {known}")
    turns = [
        _turn(str(each), turn) for each in wanted for turn in memory.reconstruct(each, now=moment)
    ]
    shown = template("inspection.html").render(
        scope=scope or "all scopes", moment=_date(moment), stats=stats,
        pages=page_table(memory, wanted, moment), tiers=tier_table(stats), bytes=byte_table(stats),
        data=embedded(turns), limit=TEXT_LIMIT,
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(shown, "utf-8")


def page_table(memory: OpticalMemory, scopes: Sequence[Scope], now: float) -> list[list[str]]:
    """Every page: where it is, how old, at which tier, and when it fades, soonest first."""
    rows: list[tuple[float, list[str]]] = []
    for scope in scopes:
        records = ScopeRecords(memory.store, scope)
        dues = {info.key: info.due for info in memory.store.entries(scope)}
        wanted = records.page_keys()
        for key, found in zip(wanted, records.pages(wanted), strict=True):
            if found:
                record, due = found.record, dues.get(key.page)
                row = [
                    f"{scope} · {record.id[:8]}", ago(now - record.created),
                    ago(now - record.accessed), record.tier.label if record.tier else "text",
                    "pinned" if record.pinned else _when(due, now),
                    f"{1 - record.error:.2%}", f"{record.text_bytes:,}",
                ]  # fmt: skip
                rows.append((float("inf") if due is None else due, row))
    header = [
        "page",
        "written",
        "last recalled",
        "tier",
        "fades",
        "expected right",
        "bytes of text",
    ]
    return [header, *(row for _, row in sorted(rows, key=lambda item: item[0]))]


def tier_table(stats: MemoryStats) -> list[list[str]]:
    """How many pages lie at each tier, sharpest first."""
    rows = [["tier", "pages", "vision tokens", "positions"]]
    for tier in sorted(Tier, reverse=True):
        count = stats.pages_by_tier.get(tier.label, 0)
        rows.append([tier.label, f"{count}", f"{count * tier.tokens:,}",
                     f"{count * tier.positions:,}"])  # fmt: skip
    return [*rows, ["kept as text", f"{stats.pages_by_tier.get('text', 0)}", "–", "–"]]


def byte_table(stats: MemoryStats) -> list[list[str]]:
    """What is stored, and what the text would take."""
    fields = stats.model_dump()
    return [["what", "bytes"], *([name, f"{fields[field]:,}"] for name, field in BYTES)]


def _turn(scope: str, turn: RecalledTurn) -> dict[str, Any]:
    return {
        "scope": scope, "id": turn.id, "role": turn.role, "date": _date(turn.time),
        "tier": turn.tier, "exact": turn.exact, "sure": round(turn.probability, 4),
        "text": turn.text[:TEXT_LIMIT], "cut": len(turn.text) > TEXT_LIMIT,
    }  # fmt: skip


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _when(due: float | None, now: float) -> str:
    if due is None:
        return "never"
    return "at the next sweep" if due <= now else f"in {duration(due - now)}"
