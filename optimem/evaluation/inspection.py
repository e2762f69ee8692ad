"""A memory as one self-contained HTML page: what fades when, its pages and turns, bytes, and a
search over what can be read. It only looks; the memory stays as it is.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from optimem.api.memory import OpticalMemory
from optimem.errors import ScopeError
from optimem.evaluation.page_cards import PageCard, PageInspector, card_lines
from optimem.evaluation.report import embed_json, open_template, write_page
from optimem.evaluation.timeline import next_changes, timeline
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.upkeep.stats import PARTS
from optimem.protocols import Box
from optimem.reports import MemoryStats
from optimem.results import PagePart, RecalledTurn
from optimem.text.wording import date
from optimem.tiers import Tier
from optimem.turns import RESERVED, Scope

TEXT_LIMIT = 4_000  # characters of a turn that the page shows and searches
OUTLINE = 1000  # units a side of the drawing over a thumbnail
PART_NAMES = {
    "token_bytes": "vision tokens",
    "kept_text_bytes": "pages kept as text",
    "structure_bytes": "structure",
    "correction_bytes": "corrections",
    "index_bytes": "index",
    "vector_bytes": "vectors",
    "tail_bytes": "text not on a page yet",
    "other_bytes": "keys, turn numbers and the rest",
}
"""The fields of `MemoryStats` that add up to `stored_bytes`, as the page names them."""

CountDone = Callable[[int], None]
"""Called with the number of pages looked at so far."""


class BytePart(NamedTuple):
    """What a part of everything stored is for. `part`: its share, 0 to 1."""

    name: str
    size: int
    part: float


def write_inspection(
    memory: OpticalMemory, scope: str | None, path: Path, *, now: float | None = None,
    progress: CountDone | None = None,
) -> None:  # fmt: skip
    """Write the page for a scope, or for the whole store. `now`: seconds since the epoch;
    default the memory's clock. Every page is read, and drawn as small as it will ever get.
    `progress`: called with the number of pages looked at. Raises ScopeError if there is nothing to
    show, and InputError if the page cannot be written."""
    moment = memory.clock() if now is None else now
    scopes = _memory_scopes(memory) if scope is None else [Scope.parse(scope)]
    stats = memory.stats(scope)
    if not stats.stored_bytes:
        known = ", ".join(map(str, _memory_scopes(memory))) or "none"
        raise ScopeError(f"there is nothing in {scope or 'the store'}; scopes with turns: {known}")
    cards = list(_cards(memory, scopes, moment, progress))
    turns = [(each, turn) for each in scopes for turn in memory.reconstruct(each, now=moment)]
    places = page_places(cards)
    floor = memory.policy.floor
    page = open_template("inspection.html").render(
        scope=scope or "all scopes",
        moment=date(moment),
        stats=stats,
        timeline=timeline(cards, floor),
        changes=next_changes(cards, moment),
        cards=[(card, card_lines(card, moment, floor)) for card in cards],
        outlines=page_outlines(turns, places),
        several=len(scopes) > 1,
        bytes=byte_parts(stats),
        data=embed_json([_turn_data(each, turn, places) for each, turn in turns]),
    )
    write_page(page, path)


def _memory_scopes(memory: OpticalMemory) -> list[Scope]:
    """All scopes but those that hold no turns."""
    return [each for each in memory.store.scopes() if not each.namespace.startswith(RESERVED)]


def _cards(
    memory: OpticalMemory, scopes: Iterable[Scope], now: float, progress: CountDone | None
) -> Iterator[PageCard]:
    inspector = PageInspector(memory.codec, memory.policy, now)
    count = 0
    for scope in scopes:
        for card in inspector.cards(ScopeRecords(memory.store, scope, damage={}), count):
            yield card
            count += 1
            if progress:
                progress(count)


def page_places(cards: Iterable[PageCard]) -> dict[tuple[str, str], str]:
    """Where each page is shown, by its scope and id."""
    return {(card.scope, card.record.id): card.anchor for card in cards}


def page_outlines(
    turns: Sequence[tuple[Scope, RecalledTurn]], places: dict[tuple[str, str], str]
) -> dict[str, list[tuple[int, str]]]:
    """For each page shown, the turns on it by number, each with its lines as an SVG path."""
    outlines: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for number, (scope, turn) in enumerate(turns):
        for part in turn.parts:
            anchor = places.get((str(scope), part.page or ""))
            if anchor:
                outlines[anchor].append((number, _path(part)))
    return dict(outlines)


def _path(part: PagePart) -> str:
    side = (Tier.LARGE if part.tier in ("text", "damaged") else Tier.parse(part.tier)).value
    return "".join(_rectangle(box, OUTLINE / side) for box in part.boxes)


def _rectangle(box: Box, scale: float) -> str:
    left, top, right, bottom = (round(edge * scale) for edge in box)
    return f"M{left} {top}H{right}V{bottom}H{left}z"


def byte_parts(stats: MemoryStats) -> list[BytePart]:
    """What the stored bytes are for; they add up to all of them."""
    sizes = {name: getattr(stats, name) for name in (*PARTS, "other_bytes")}
    return [
        BytePart(PART_NAMES[name], size, size / max(stats.stored_bytes, 1))
        for name, size in sizes.items()
        if size
    ]


def _turn_data(
    scope: Scope, turn: RecalledTurn, places: dict[tuple[str, str], str]
) -> dict[str, Any]:
    """A turn for the search in the page."""
    found = (places.get((str(scope), part.page or "")) for part in turn.parts)
    return {
        "scope": str(scope),
        "id": turn.id,
        "role": turn.role,
        "date": date(turn.time),
        "tier": turn.tier,
        "exact": turn.exact,
        "probability": round(turn.probability, 4),
        "text": turn.text[:TEXT_LIMIT],
        "cut": len(turn.text) > TEXT_LIMIT,
        "pages": list(dict.fromkeys(anchor for anchor in found if anchor)),
    }
