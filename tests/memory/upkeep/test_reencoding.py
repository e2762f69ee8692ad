"""Pages of another model written anew, on a real store, with readers whose losses are known."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from optimem import OpticalMemory
from optimem.errors import FingerprintError, InputError, StoreUnavailableError
from optimem.memory.decay import DAY, DecayPolicy
from optimem.memory.records.records import PageRecord
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.upkeep.reencoding import BATCH
from optimem.protocols import Cells, Change, PageCodec, Store
from optimem.results import RecalledTurn
from optimem.store.sqlite import SQLiteStore
from optimem.testing import InMemoryStore
from optimem.testing.pages import CAPACITY, PlainModel, PlainRenderer
from optimem.tiers import Tier
from optimem.turns import Role, Scope, Turn
from tests.memory.factories import NOW, SCOPE

OLD_LOST, NEW_LOST = {Tier.TINY: 7, Tier.TRACE: 3}, {Tier.LARGE: 90, Tier.TINY: 11, Tier.TRACE: 4}
POLICY = DecayPolicy(floor=0.1)


class SpacedRenderer(PlainRenderer):
    """Another renderer: two cells a character, so that a page holds half as much."""

    version = "spaced"

    def cells(self, text: str, role: Role | None = None) -> Cells:
        return super().cells(text, role).repeat(2)

    def split(self, cells: Cells, room: int) -> int:
        return min(len(cells), room) // 2 * 2

    def text(self, read):  # type: ignore[no-untyped-def]
        part = type(read)(read.ids[::2], read.probability[::2])
        reading = super().text(part)
        return replace(reading, cell=2 * reading.cell)


def codec(name: str, renderer: PlainRenderer | None = None, **lost: dict[Tier, int]) -> PageCodec:
    model = PlainModel(lost.get("lost", {}), fingerprint=name)
    return PageCodec(renderer or PlainRenderer(), model, model)


def old_codec() -> PageCodec:
    return codec("old", lost=OLD_LOST)


def new_codec() -> PageCodec:
    return codec("new", lost=NEW_LOST)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with_pages = SQLiteStore(tmp_path / "m.db")
    yield with_pages
    with_pages.close()


def opened(store: Store, pages: PageCodec) -> OpticalMemory:
    return OpticalMemory(store, pages, policy=POLICY, clock=lambda: NOW)


def fill(store: Store, turns: int = 12) -> None:
    """Pages of the old model on several tiers, one pinned, and a tail."""
    with opened(store, old_codec()) as memory:
        faded = [
            Turn(text=f"turn {n} of bergen " * 5 + "port 6543 is open", id=f"t{n}", extra={"n": n})
            for n in range(turns)
        ]
        memory.append(SCOPE, faded, now=NOW)
        memory.flush(SCOPE, now=NOW)
        memory.pin(SCOPE, "t0")
        memory.sweep(now=NOW + 40 * DAY)  # to Tiny, but for the pinned page
        memory.append(SCOPE, Turn(text="fresh " * 150, id="fresh"), now=NOW + 40 * DAY)
        memory.flush(SCOPE, now=NOW + 40 * DAY)
        memory.append(SCOPE, Turn(text="in the tail", id="tail"), now=NOW + 40 * DAY)


def seen(memory: OpticalMemory) -> list[RecalledTurn]:
    return list(memory.reconstruct(SCOPE, now=NOW + 41 * DAY))


def kept(records: list[RecalledTurn]) -> list[object]:
    return [
        (t.id, t.role, t.time, t.extra, t.exact, t.text, [p.tier for p in t.parts]) for t in records
    ]


def pages(store: Store) -> list[PageRecord]:
    records = ScopeRecords(store, Scope.parse(SCOPE))
    return [found.record for found in records.pages(records.page_keys()) if found]


def dues(store: Store) -> dict[str, float | None]:
    return {info.key: info.due for info in store.entries(Scope.parse(SCOPE), "page:")}


def test_turns_pages_and_times_stay_as_they_were(store: Store) -> None:
    fill(store)
    with opened(store, old_codec()) as memory:
        turns, records, due = seen(memory), pages(store), dues(store)
        hits = [hit.id for hit in memory.recall(SCOPE, "turn 3", refresh=False)]
    assert {turn.exact for turn in turns} == {True, False}
    with opened(store, new_codec()) as memory:
        with pytest.raises(FingerprintError, match="optimem reencode"):
            seen(memory)
        report = memory.reencode(old_codec())
        assert (report.pages, report.unreadable, report.encoders) == (
            len(records), [], {"old": len(records)},
        )  # fmt: skip
        assert report.bytes_after > 0 < report.bytes_before
        assert kept(seen(memory)) == kept(turns)
        assert [hit.id for hit in memory.recall(SCOPE, "turn 3", refresh=False)] == hits
        assert memory.check(SCOPE).damage == []
        again = memory.reencode(old_codec())
        assert (again.pages, again.current) == (0, len(records))
    assert dues(store) == due
    for before, after in zip(records, pages(store), strict=True):
        same = {"id", "created", "accessed", "spans", "tier", "pinned", "text_bytes", "zstd_bytes"}
        assert all(getattr(before, name) == getattr(after, name) for name in same)
        assert after.error >= before.error


def test_what_was_doubtful_stays_marked(store: Store) -> None:
    fill(store)
    with opened(store, old_codec()) as memory:
        marked = [turn.text for turn in seen(memory)]
    assert any("\ufffd" in text for text in marked)
    with opened(store, codec("new")) as memory:  # which loses nothing, so "?" reads as certain
        memory.reencode(old_codec())
        assert [turn.text for turn in seen(memory)] == marked


def test_a_page_on_several_pages_of_another_renderer(store: Store) -> None:
    fill(store)
    with opened(store, old_codec()) as memory:
        turns, before = seen(memory), pages(store)
        hits = [hit.id for hit in memory.recall(SCOPE, "fresh", refresh=False)]
    with opened(store, codec("new", SpacedRenderer())) as memory:
        report = memory.reencode(old_codec())
        assert (report.pages, report.unreadable) == (len(before), [])
        assert memory.stats(SCOPE).pages > len(before)
        after = seen(memory)
        assert [t.id for t in memory.recall(SCOPE, "fresh", refresh=False)] == hits
        assert memory.check(SCOPE).damage == []
        memory.append(SCOPE, ["later " * 90])
        memory.flush(SCOPE)
        assert seen(memory)[-1].text == "later " * 90
        assert memory.forget(SCOPE, turn="fresh").left == 0
        assert memory.recall(SCOPE, "fresh") == []
    assert [(t.id, t.text, t.exact, t.time) for t in after] == [
        (t.id, t.text, t.exact, t.time) for t in turns
    ]
    for turn, old in zip(after, turns, strict=True):
        assert {part.tier for part in turn.parts} == {part.tier for part in old.parts}


class DyingStore(InMemoryStore):
    """A store that goes away at its `left`-th commit."""

    left = 10**9

    def commit(self, scope: Scope, changes: Sequence[Change]) -> None:
        self.left -= 1
        if self.left < 0:
            raise StoreUnavailableError("the line is cut")
        super().commit(scope, changes)


def test_it_goes_on_where_it_stopped() -> None:
    store = DyingStore()
    fill(store, turns=60)
    count = len(pages(store))
    assert count > 2 * BATCH
    store.left = BATCH + 1
    with opened(store, new_codec()) as memory:
        with pytest.raises(StoreUnavailableError):
            memory.reencode(old_codec())
        store.left = 10**9
        report = memory.reencode(old_codec())
        assert (report.current, report.pages) == (BATCH + 1, count - BATCH - 1)
        assert len(seen(memory)) == 62


def test_pages_that_others_change_meanwhile_are_read_again() -> None:
    store = InMemoryStore()
    fill(store)
    count = len(pages(store))
    reader = old_codec()
    assert isinstance(reader.decoder, PlainModel)
    read = reader.decoder.read

    def interrupted(tokens):  # type: ignore[no-untyped-def]
        reader.decoder.read = read  # type: ignore[method-assign]
        with opened(store, old_codec()) as other:
            other.unpin(SCOPE, "t0")
            other.pin(SCOPE, "t4")
            other.forget(SCOPE, turn="t1")
        return read(tokens)

    reader.decoder.read = interrupted  # type: ignore[method-assign]
    done: list[tuple[int, int | None]] = []
    with opened(store, new_codec()) as memory:
        report = memory.reencode(reader, progress=lambda *given: done.append(given))
        assert (report.pages + report.skipped, report.unreadable) == (count, [])
        turns = seen(memory)
    assert "t1" not in [turn.id for turn in turns]
    assert done[-1][1] == count
    pinned = {s.turn for page in pages(store) for s in page.spans if s.pinned}
    assert pinned == {"t4"}


def test_damaged_pages_and_pages_of_a_third_model_are_named_and_left(store: Store) -> None:
    fill(store)
    scope = Scope.parse(SCOPE)
    first, second = list(dues(store))[:2]
    damaged = store.get(scope, [first])[0]
    assert damaged
    store.commit(scope, [Change(first, damaged.value[:-3] + b"xyz")])
    with opened(store, new_codec()) as memory:
        listed = memory.reencode()
        assert (listed.pages, listed.encoders) == (0, {"old": len(dues(store)) - 1})
        assert "--from-weights" in listed.unreadable[1].reason
        third = memory.reencode(codec("third"))
        assert "'old'" in third.unreadable[1].reason
        assert "'third' was given" in third.unreadable[1].reason
        report = memory.reencode(old_codec())
        assert [found.entry for found in report.unreadable] == [first]
        assert second not in [found.entry for found in report.unreadable]
    again = store.get(scope, [first])[0]
    assert again
    assert again.value == damaged.value[:-3] + b"xyz"


def test_a_dry_run_changes_nothing(store: Store) -> None:
    fill(store)
    keys = [info.key for info in store.entries(Scope.parse(SCOPE))]
    before = store.get(Scope.parse(SCOPE), keys)
    with opened(store, new_codec()) as memory:
        report = memory.reencode(old_codec(), scope=SCOPE, dry_run=True)
        assert (report.pages, report.bytes_after) == (len(dues(store)), 0)
    assert store.get(Scope.parse(SCOPE), keys) == before


def test_todays_model_is_no_source(store: Store) -> None:
    with opened(store, new_codec()) as memory, pytest.raises(InputError, match="already"):
        memory.reencode(new_codec())
    assert CAPACITY == 400  # what `fill` counts on
