"""A scope's records, read and written on a real store."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from optimem import OpticalMemory
from optimem.errors import ChecksumError, ConflictError
from optimem.memory.recall.retrieval import index_page
from optimem.memory.records import scope_records
from optimem.memory.records.edits import Edit
from optimem.memory.records.records import (
    STAMP_KEY,
    EntryKind,
    PageKey,
    Position,
    ScopeState,
    image_turn,
    turn_key,
)
from optimem.memory.records.scope_records import BATCH, PageList, ScopeRecords, retry
from optimem.protocols import Change, Entry, EntryInfo, Store
from optimem.store.sqlite import SQLiteStore
from optimem.testing import plain_codec
from optimem.turns import Scope, Turn
from tests.memory.factories import NOW, make_chunk, make_page, make_span, put


class Watched(SQLiteStore):
    """A store that lists the keys it is asked for, and lets somebody in after a read."""

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.asked: list[str] = []
        self.after: list[Callable[[], object]] = []

    def get(self, scope: Scope, keys: Sequence[str]) -> list[Entry | None]:
        found = super().get(scope, keys)
        self.asked += keys
        if self.after:
            self.after.pop(0)()
        return found


@pytest.fixture
def watched() -> ScopeRecords:
    return ScopeRecords(Watched(), Scope.parse("s"))


def test_a_new_scope_is_empty(records: ScopeRecords) -> None:
    state, version = records.state()
    assert (state.next, state.tail, state.cells, version) == (0, Position(0, 0), 0, 0)
    assert records.snapshot() == (PageList(b"", []), [])
    assert records.turn_numbers(["a"]) == [None]
    assert records.entry_sizes() == []


def test_what_is_put_is_read_back(records: ScopeRecords) -> None:
    pages = [make_page(make_span("abc", n), id=f"{n:02x}") for n in (2, 0, 1)]
    chunks = [make_chunk("de", 4), make_chunk("fg", 3)]
    put(records, *pages, *chunks)
    keys = records.page_keys()
    assert [key.position.sequence for key in keys] == [0, 1, 2]
    assert [found and found.record.id for found in records.pages(keys)] == ["00", "01", "02"]
    assert records.pages([PageKey(Position(7, 0), "ff")]) == [None]
    assert records.chunks() == sorted(chunks, key=lambda chunk: chunk.position)
    assert records.chunks(Position(4, 0)) == [make_chunk("de", 4)]
    assert records.turn_numbers(["t3", "t0"]) == [3, 0]
    assert records.state().record.next == 9


def test_no_more_of_the_tail_is_read_than_is_enough(watched: ScopeRecords) -> None:
    put(watched, *(make_chunk("abc", n) for n in range(3 * BATCH)))
    assert len(watched.chunks(enough=3 * BATCH)) == BATCH
    assert len(watched.chunks(enough=3 * BATCH + 1)) == 2 * BATCH
    assert len(watched.chunks()) == 3 * BATCH


def test_an_edit_is_made_whole_or_not_at_all(records: ScopeRecords) -> None:
    put(records, make_page(make_span("abc")))
    edit = records.edit()
    edit.put_chunk(make_chunk("new", 5), None, expect=0)
    edit.remove_page(make_page(make_span("abc")).key, expect=2)  # its version is 1
    assert not edit.try_commit()
    with pytest.raises(ConflictError):
        edit.commit()
    assert records.chunks() == []
    assert len(records.page_keys()) == 1


def test_conflict_is_not_swallowed_forever(records: ScopeRecords) -> None:
    put(records, make_chunk("a"))
    with pytest.raises(ConflictError):
        records.store.commit(records.scope, [Change("head", b"", expect=99)])


def test_a_page_is_removed_with_its_words(records: ScopeRecords) -> None:
    page, edit = make_page(make_span("abc")), records.edit()
    edit.put_page(page, None, expect=0, index=index_page([(0, "abc")]))
    edit.commit()
    assert set(records.index_entries([page.key], {})) == {page.key}
    edit = records.edit()
    edit.remove_page(page.key, expect=1)
    edit.commit()
    assert [size.kind for size in records.entry_sizes()] == [EntryKind.STAMP]


def test_the_stamp_changes_when_pages_or_their_words_come_and_go(records: ScopeRecords) -> None:
    page, stamps = make_page(make_span("abc")), list[bytes]()

    def commit(edit: Edit) -> None:
        edit.commit()
        stamps.append(records.snapshot()[0].stamp)

    put(records, page, make_chunk("tail", 10))
    (edit := records.edit()).put_state(ScopeState(9, Position(9, 0), 0, 7.0, "epoch"), 1)
    edit.commit()
    stamps.append(records.snapshot()[0].stamp)
    (edit := records.edit()).put_index(page.key, index_page([(0, "abc")]))
    commit(edit)
    (edit := records.edit()).put_chunk(make_chunk("tail", 11), None, expect=0)
    commit(edit)
    assert stamps[1] == stamps[2] != stamps[0]
    assert records.refresh(replace(page, accessed=50.0), 1, due=60.0)
    assert records.snapshot()[0].stamp == stamps[2]
    (edit := records.edit()).remove_page(page.key, expect=2)
    commit(edit)
    assert stamps[3] not in {*stamps[:3], b""}


def test_pages_are_listed_again_only_if_their_stamp_is_another(
    records: ScopeRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(records, make_page(make_span("abc")))
    edit = records.edit()
    edit.put_state(ScopeState(9, Position(9, 0), 0, 7.0, "epoch"), 1)
    edit.commit()
    known, _ = records.snapshot()
    assert known.keys
    listed: list[str] = []
    entries = records.store.entries

    def listing(scope: Scope, prefix: str) -> list[EntryInfo]:
        listed.append(prefix)
        return entries(scope, prefix)

    monkeypatch.setattr(records.store, "entries", listing)
    assert records.snapshot(known) == (known, [])
    assert EntryKind.PAGE.prefix not in listed
    assert records.snapshot(known.unsure())[0] == known
    assert EntryKind.PAGE.prefix in listed


def test_a_page_is_refreshed_unless_somebody_changed_it_first(records: ScopeRecords) -> None:
    page = make_page(make_span("abc"))
    put(records, page)
    assert records.refresh(replace(page, accessed=50.0), 1, due=60.0)
    assert not records.refresh(replace(page, accessed=70.0), 1, due=80.0)
    (found,) = records.pages([page.key])
    assert found
    assert (found.record.accessed, found.version) == (50.0, 2)
    assert [key for _, key in records.store.peek_due(60.0, 9)] == [page.key.page]


def test_only_index_entries_that_are_new_or_changed_are_fetched(watched: ScopeRecords) -> None:
    store = watched.store
    assert isinstance(store, Watched)
    pages = [make_page(make_span("abc", n)) for n in range(3)]
    for page in pages:
        edit = watched.edit()
        edit.put_page(page, None, expect=0, index=index_page([(0, f"word{page.key.position}")]))
        edit.commit()
    wanted = [page.key for page in pages]
    first = watched.index_entries(wanted[:2], {})
    assert set(first) == set(wanted[:2])
    edit = watched.edit()
    edit.put_page(pages[1], None, expect=1, index=index_page([(1, "other")]))
    edit.commit()
    store.asked.clear()
    again = watched.index_entries(wanted, first)
    assert store.asked == [wanted[1].words, wanted[2].words]
    assert again[wanted[0]] is first[wanted[0]]
    assert [again[key].version for key in wanted] == [1, 2, 1]
    store.asked.clear()
    assert watched.index_entries(wanted, again) == again
    assert store.asked == []


def test_where_a_turn_lies(records: ScopeRecords) -> None:
    first = make_page(make_span("abc", 0), make_span("de", 1, start=4), id="aa")
    second = make_page(make_span("fg", 1, offset=2), id="bb")
    put(records, first, second, make_chunk("hi", 1, offset=4), make_chunk("jk", 2))
    assert len(records.holders(1)) == 3
    assert records.holders(0) == [first.key.page]
    assert len(records.holders(2)) == 1
    assert records.holders(3) == []
    assert records.traces("t1", 1) == 4  # its number, too
    assert records.traces("unknown", 3) == 0


def test_an_image_goes_with_the_turn_that_describes_it(records: ScopeRecords) -> None:
    turn = image_turn("1f2e")
    records.put_image(turn, b"tokens")
    assert records.image(turn) == b"tokens"
    assert records.image("another") is None
    assert records.image(image_turn("other")) is None
    assert records.traces(turn, 0) == 1
    edit = records.edit()
    edit.remove_turn(turn)
    edit.commit()
    assert records.image(turn) is None


def test_due_entries_are_unpacked_and_put_off(records: ScopeRecords) -> None:
    page, chunk = make_page(make_span("abc")), make_chunk("de", 3)
    put(records, page, chunk, due=10.0)
    keys = [key for _, key in records.store.peek_due(10.0, 9)]
    entries = records.due_entries([*keys, "page:gone"])
    assert {records.unpack(entry).__class__.__name__ for entry in entries} == {
        "Chunk",
        "PageRecord",
    }
    edit = records.edit()
    for entry in entries:
        edit.reschedule(entry, 20.0 if EntryKind.of(entry.key) is EntryKind.PAGE else None)
    assert edit.page_bytes == max(len(entry.value) for entry in entries)
    edit.commit()
    assert records.store.peek_due(19.0, 9) == []
    assert [key for _, key in records.store.peek_due(20.0, 9)] == [page.key.page]
    assert records.chunks() == [chunk]


def test_a_damaged_entry_is_refused_by_name(records: ScopeRecords) -> None:
    put(records, make_chunk("abc"), due=1.0)
    (entry,) = records.due_entries([key for _, key in records.store.peek_due(1.0, 9)])
    with pytest.raises(ChecksumError):
        records.unpack(entry._replace(value=entry.value[:-1] + b"?"))


def test_sizes_of_entries_add_up_to_what_the_store_uses(records: ScopeRecords) -> None:
    page = make_page(make_span("abc"))
    put(records, page, make_chunk("de", 3), due=4.0)
    records.store.commit(records.scope, [Change("item:/a//b", b"not a memory's")])
    sizes = records.entry_sizes()
    assert sum(size.key + size.value for size in sizes) == records.bytes_used()
    assert sum(size.kind is None for size in sizes) == 1
    assert {size.due for size in sizes} == {None, 4.0}
    ((found, parts),) = records.page_parts()
    assert found == page
    assert sum(parts) == next(size.value for size in sizes if size.kind is EntryKind.PAGE)
    assert records.clear() == len(sizes)
    assert records.entry_sizes() == []


def test_a_snapshot_is_of_one_moment(watched: ScopeRecords) -> None:
    store = watched.store
    assert isinstance(store, Watched)
    put(watched, make_chunk("abc"))

    def write_page() -> None:
        """Somebody puts the tail on a page after it was read."""
        page, (_, version) = make_page(make_span("abc")), watched.state()
        edit = watched.edit()
        edit.remove_chunk(Position(0, 0))
        edit.put_page(page, None, expect=0)
        edit.put_state(ScopeState(9, Position(1, 0), 0, 7.0, "epoch"), version)
        edit.commit()

    store.after = [lambda: None, write_page]
    (_, pages), chunks = watched.snapshot()
    assert [key.position for key in pages] == [Position(0, 0)]
    assert chunks == []


def test_a_page_that_closes_while_turns_are_read_counts_once() -> None:
    scope = "acme/ann/s1"
    with OpticalMemory.open(Watched(), codec=plain_codec(), clock=lambda: 1.7e9) as memory:
        memory.append(scope, Turn(text="hello", id="h"))
        store = memory.store
        assert isinstance(store, Watched)
        store.after = [lambda: None, lambda: memory.flush(scope)]  # after the tail was read
        assert [turn.text for turn in memory.reconstruct(scope)] == ["hello"]


def test_an_attempt_that_loses_is_made_again() -> None:
    lost = iter([True, True, False])

    def attempt() -> str:
        if next(lost):
            raise ConflictError("somebody was first")
        return "done"

    assert retry(attempt, Scope.parse("s"), "append") == "done"


def test_other_errors_are_not_tried_again() -> None:
    calls = []

    def attempt() -> None:
        calls.append(1)
        raise KeyError("no")

    with pytest.raises(KeyError):
        retry(attempt, Scope.parse("s"), "append")
    assert len(calls) == 1


def test_attempts_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope_records, "PATIENCE", 0.05)
    calls = []

    def attempt() -> None:
        calls.append(1)
        raise ConflictError("somebody was first")

    with pytest.raises(ConflictError, match=r"^a/b/s kept changing for 0.05 s .* append again$"):
        retry(attempt, Scope.parse("a/b/s"), "append")
    assert len(calls) > 1


def test_values_that_were_swapped_are_not_taken_for_each_other() -> None:
    memory = OpticalMemory.open(":memory:", codec=plain_codec(), clock=lambda: NOW)
    for scope in ("ann", "bob"):
        memory.append(scope, [Turn(text=f"of {scope}", id="1"), Turn(text=f"{scope}'s", id="2")])
        memory.flush(scope)
        memory.append(scope, Turn(text=f"{scope} again", id="3"))
    ann, bob = Scope(session="ann"), Scope(session="bob")
    pairs = [
        (key, (ann, key), (bob, key))
        for key in [info.key for info in memory.store.entries(ann)]
        if key != STAMP_KEY and memory.store.get(bob, [key])[0]
    ]
    turns = [(ann, turn_key("1")), (ann, turn_key("2"))]
    assert len(pairs) > 4  # chunk, state and the turns' numbers; pages have keys of their own
    for what, one, other in [*pairs, ("turns", *turns)]:
        swap(memory.store, one, other)
        turns_read = memory.reconstruct("ann")
        assert not any("bob" in turn.text for turn in turns_read)
        if EntryKind.of(one[1]) is EntryKind.TURN:
            with pytest.raises(ChecksumError, match="written elsewhere"):
                memory.holds("ann", ["1", "2", "3"])
        else:
            (found,) = turns_read.unreadable
            assert (found.scope, found.entry) == ("ann", one[1])
            assert "written elsewhere" in found.reason
        assert one[1] in [found.entry for found in memory.check("ann").damage]
        swap(memory.store, one, other)
        assert len(memory.reconstruct("ann")) == 3, what


def swap(store: Store, one: tuple[Scope, str], other: tuple[Scope, str]) -> None:
    """Put each of two values in the other's place."""
    (first,), (second,) = store.get(one[0], [one[1]]), store.get(other[0], [other[1]])
    assert first
    assert second
    store.commit(one[0], [Change(one[1], second.value)])
    store.commit(other[0], [Change(other[1], first.value)])
