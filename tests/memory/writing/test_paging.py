"""Text from the tail onto pages, whoever writes in between."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimem import OpticalMemory
from optimem.errors import ConflictError
from optimem.memory.decay import DAY, DecayPolicy
from optimem.memory.records import scope_records
from optimem.memory.records.records import Position
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.writing.paging import PageWriter, lay_out
from optimem.memory.writing.tail import append_turns
from optimem.omem.corrections import text_digest
from optimem.protocols import Page, PageCodec, VisionTokens
from optimem.store.sqlite import SQLiteStore
from optimem.testing import open_memory
from optimem.testing.pages import CAPACITY, PlainModel, PlainRenderer, plain_codec
from optimem.tiers import Tier
from optimem.turns import Scope, Turn
from tests.memory.factories import NOW, SCOPE, make_chunk, texts


def test_a_layout_takes_what_fits() -> None:
    layout = lay_out(
        [make_chunk("abc", 0), make_chunk("", 1), make_chunk("de", 2)], PlainRenderer()
    )
    assert layout.texts == ("abc", "", "de")
    assert [(span.start, span.end, span.turn) for span in layout.spans] == [
        (0, 4, "t0"), (4, 5, "t1"), (5, 8, "t2"),
    ]  # fmt: skip
    assert all(span.ends for span in layout.spans)
    assert len(layout.cells) == 8
    assert layout.chunks == (Position(0, 0), Position(1, 0), Position(2, 0))
    assert (layout.rest, layout.end) == (None, Position(3, 0))


def test_a_layout_cuts_a_turn_that_does_not_fit() -> None:
    long = "".join(chr(97 + i % 26) for i in range(CAPACITY))
    layout = lay_out([make_chunk("abc", 0), make_chunk(long, 1, pinned=True)], PlainRenderer())
    assert layout.texts == ("abc", long[: CAPACITY - 5])  # two role marks and "abc"
    assert len(layout.cells) == CAPACITY
    assert layout.end == Position(1, CAPACITY - 5)
    rest = layout.rest
    assert rest
    assert (rest.position, rest.text, rest.ends, rest.pinned) == (layout.end, long[-5:], True, True)
    first, second = layout.spans
    assert (first.ends, second.ends) == (True, False)
    assert (first.pinned, second.pinned) == (False, True)
    assert second.digest == text_digest(layout.texts[1])


def test_no_word_is_divided_between_two_pages() -> None:
    text = "ab " * (CAPACITY // 3) + "Lisbon."
    for early in range(6):
        said = text[early:]
        layout = lay_out([make_chunk(said, 0)], PlainRenderer())
        assert layout.rest
        assert layout.texts[0] + layout.rest.text == said
        assert not (layout.texts[0][-1] + layout.rest.text[0]).isalpha()
        assert CAPACITY - len(layout.cells) < 7


def test_a_first_word_that_does_not_fit_begins_the_next_page() -> None:
    chunks = [make_chunk("x" * (CAPACITY - 5), 0), make_chunk("Lisbon", 1)]
    layout = lay_out(chunks, PlainRenderer())
    assert (layout.rest, layout.end) == (None, Position(1, 0))


def test_chunks_of_one_turn_are_one_span() -> None:
    chunks = [make_chunk("abc", 0, ends=False), make_chunk("def", 0, offset=3)]
    layout = lay_out(chunks, PlainRenderer())
    (span,) = layout.spans
    assert layout.texts == ("abcdef",)
    assert (span.start, span.end, span.ends, span.digest) == (0, 7, True, text_digest("abcdef"))


def test_a_word_at_the_end_of_a_page_is_found() -> None:
    with open_memory() as memory:
        memory.append("a/b/c", "x " * (CAPACITY // 2 - 2) + "Lisbon is far.")
        memory.flush("a/b/c")
        (found,) = memory.recall("a/b/c", "Lisbon")
        assert found.text.endswith("Lisbon is far.")
        assert memory.stats().pages == 2


def test_a_page_may_end_where_a_chunk_does() -> None:
    full = make_chunk("x" * (CAPACITY - 1), 0, ends=False)
    layout = lay_out([full, make_chunk("rest", 0, offset=CAPACITY - 1)], PlainRenderer())
    assert (layout.rest, layout.end) == (None, Position(0, CAPACITY - 1))
    assert not layout.spans[0].ends


def test_a_turn_of_which_no_character_fits_waits_for_the_next_page() -> None:
    fitting = make_chunk("x" * (CAPACITY - 2), 0)
    layout = lay_out([fitting, make_chunk("abc", 1)], PlainRenderer())
    assert (layout.texts, layout.end) == (("x" * (CAPACITY - 2),), Position(1, 0))
    assert layout.chunks == (Position(0, 0),)


@settings(deadline=None)
@given(st.lists(st.text("abc ", max_size=300), min_size=1, max_size=9))
def test_layouts_follow_one_another_without_a_gap(said: list[str]) -> None:
    chunks = [make_chunk(text, number) for number, text in enumerate(said)]
    read = [""] * len(said)
    while chunks:
        layout = lay_out(chunks, PlainRenderer())
        assert len(layout.cells) <= CAPACITY
        for span, text in zip(layout.spans, layout.texts, strict=True):
            assert span.position.offset == len(read[span.position.sequence])
            read[span.position.sequence] += text
        left = [chunk for chunk in chunks if chunk.position not in layout.chunks]
        chunks = [*([layout.rest] if layout.rest else []), *left]
        assert not chunks or chunks[0].position == layout.end
    assert read == said


def writer(
    records: ScopeRecords, codec: PageCodec | None = None, policy: DecayPolicy | None = None
) -> PageWriter:
    return PageWriter(records, codec or plain_codec(), policy or DecayPolicy(), NOW)


def append(records: ScopeRecords, *said: str) -> None:
    turns = [Turn(text=text, id=text[:8]) for text in said]
    append_turns(records, turns, PlainRenderer(), DecayPolicy(), NOW)


def test_only_full_pages_are_written_unless_the_rest_is_wanted(records: ScopeRecords) -> None:
    append(records, "a" * 250, "b" * 250)
    assert writer(records).write_pages(partial=False) == 1
    state, _ = records.state()
    assert (state.tail, state.cells) == (Position(1, 148), 102)
    assert [chunk.position for chunk in records.chunks()] == [Position(1, 148)]
    assert writer(records).write_pages(partial=False) == 0
    assert writer(records).write_pages(partial=True) == 1
    state, _ = records.state()
    assert (state.tail, state.cells, records.chunks()) == (Position(2, 0), 0, [])
    assert writer(records).write_pages(partial=True) == 0


def test_what_a_page_record_says(records: ScopeRecords) -> None:
    append(records, "é" * 10, "b" * 30)
    writer(records).write_pages(partial=True)
    (found,) = records.pages(records.page_keys())
    assert found
    page = found.record
    assert (page.created, page.accessed, page.tier, page.error) == (NOW, NOW, Tier.LARGE, 0.0)
    assert page.text_bytes == 20 + 30
    assert 0 < page.zstd_bytes < 50
    assert [span.turn for span in page.spans] == ["é" * 8, "b" * 8]
    assert set(records.index_entries([page.key], {})) == {page.key}
    assert records.store.peek_due(NOW + DAY, 9) == [(records.scope, page.key.page)]


def test_a_page_that_does_not_read_back_goes_up_or_stays_text(tmp_path: Path) -> None:
    policy = DecayPolicy(large=0, base=0, small=100 * DAY, tiny=100 * DAY, write_error=0.001)
    up = plain_codec({Tier.SMALL: 50})
    with OpticalMemory.open(":memory:", codec=up, policy=policy, clock=lambda: NOW) as memory:
        memory.append(SCOPE, "a b c " * 60)
        memory.flush(SCOPE)
        assert memory.stats().pages_by_tier == {"base": 1}
    text = plain_codec({Tier.SMALL: 50, Tier.BASE: 50, Tier.LARGE: 50})
    with OpticalMemory.open(":memory:", codec=text, policy=policy, clock=lambda: NOW) as memory:
        memory.append(SCOPE, "a b c " * 60)
        memory.flush(SCOPE)
        assert memory.stats().pages_by_tier == {"text": 1}
        assert texts(memory) == ["a b c " * 60]


def test_turns_come_back_in_order_from_tail_and_pages(memory: OpticalMemory) -> None:
    said = [f"turn {i}: " + "x" * 90 for i in range(12)]
    for text in said:
        memory.append(SCOPE, text)
    memory.drain()
    assert memory.stats(SCOPE).pages == 2
    assert texts(memory) == said


def test_one_turn_may_span_pages(memory: OpticalMemory) -> None:
    long = "".join(chr(97 + i % 26) for i in range(5 * CAPACITY))
    memory.append(SCOPE, [{"text": long, "role": "text"}, {"text": "after"}])
    memory.flush(SCOPE)
    turns = memory.reconstruct(SCOPE)
    assert [turn.text for turn in turns] == [long, "after"]
    assert len(turns[0].parts) == 6
    assert turns[0].exact


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.text(
            st.characters(codec="utf-8", max_codepoint=0x2FFF, exclude_characters="\0"),
            max_size=900,
        ),
        max_size=6,
    )
)
def test_any_turns_come_back(said: list[str]) -> None:
    with OpticalMemory.open(":memory:", codec=plain_codec(), clock=lambda: NOW) as memory:
        memory.append(SCOPE, [Turn(text=text, id=str(i)) for i, text in enumerate(said)])
        memory.flush(SCOPE)
        assert texts(memory) == said


class Interrupted(PlainModel):
    """A reader that lets others in while it draws a page: one of them for each page."""

    def __init__(self, *others: Callable[[], object]) -> None:
        super().__init__()
        self.others, self.drawn = list(others), 0

    def encode(self, pages: Sequence[Page], tier: Tier) -> list[VisionTokens]:
        self.drawn += len(pages)
        if self.others:
            self.others.pop(0)()
        return super().encode(pages, tier)


def interrupted(*others: Callable[[], object]) -> tuple[PageCodec, Interrupted]:
    reader = Interrupted(*others)
    return PageCodec(PlainRenderer(), reader, reader), reader


def test_a_page_is_still_right_if_turns_came_in_while_it_was_drawn(records: ScopeRecords) -> None:
    append(records, "a" * 450)
    codec, reader = interrupted(lambda: append(records, "b" * 20))
    assert writer(records, codec).write_pages(partial=False) == 1
    assert reader.drawn == 1
    state, _ = records.state()
    assert (state.next, state.cells) == (2, 450 + 1 + 20 + 1 - CAPACITY)
    assert [chunk.text for chunk in records.chunks()] == ["a" * 51, "b" * 20]


def test_of_two_writers_one_wins_each_page(records: ScopeRecords) -> None:
    append(records, "a" * 450, "b" * 450)
    other = writer(records)
    codec, reader = interrupted(lambda: other.write_pages(partial=False))
    assert writer(records, codec).write_pages(partial=False) == 0  # the other wrote both
    assert reader.drawn == 1
    assert len(records.page_keys()) == 2
    assert writer(records, codec).write_pages(partial=True) == 1
    found = records.pages(records.page_keys())
    assert sum(each.record.text_bytes for each in found if each) == 900


def test_who_never_gets_its_page_says_so(
    records: ScopeRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scope_records, "PATIENCE", 0.05)
    append(records, "a" * 450)

    def begin_again() -> None:
        records.clear()
        append(records, "b" * 450)

    codec, reader = interrupted(*[begin_again] * 999)
    with pytest.raises(ConflictError, match="flush again"):
        writer(records, codec).write_pages(partial=False)
    assert reader.drawn > 1
    assert records.page_keys() == []
    assert writer(records).write_pages(partial=True) == 2


def test_a_scope_forgotten_while_its_page_is_drawn_stays_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    two = OpticalMemory.open(path, codec=plain_codec(), clock=lambda: NOW)

    def forget() -> None:
        two.forget(SCOPE)
        two.append(SCOPE, Turn(text="new", id="new"))

    codec, _ = interrupted(forget)
    one = OpticalMemory.open(path, codec=codec, clock=lambda: NOW)
    one.append(SCOPE, Turn(text="SECRET", id="old"))
    one.flush(SCOPE)
    assert texts(two) == ["new"]
    one.close()
    two.close()


def test_two_writers_lose_and_double_nothing(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    said = [[f"writer {w} says {i} " + "." * 40 for i in range(25)] for w in range(2)]

    def write(own: list[str]) -> None:
        with OpticalMemory.open(path, codec=plain_codec(), clock=lambda: NOW) as memory:
            for text in own:
                memory.append(SCOPE, text)
            memory.flush(SCOPE)

    threads = [threading.Thread(target=write, args=(own,)) for own in said]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with OpticalMemory.open(path, codec=plain_codec()) as memory:
        found = texts(memory)
    assert sorted(found) == sorted(said[0] + said[1])
    assert [text for text in found if text.startswith("writer 0")] == said[0]


def test_a_page_that_is_only_text_counts_its_text(records: ScopeRecords) -> None:
    codec = plain_codec(dict.fromkeys(Tier, 2))
    append(records, "abc", "")
    assert writer(records, codec).write_pages(partial=True) == 1
    (found,) = records.pages(records.page_keys())
    assert found
    assert (found.record.tier, found.record.body) == (None, ("abc", ""))
    assert (found.record.error, found.record.corrections) == (0.0, b"")


def test_pages_of_another_scope_are_another_matter() -> None:
    store = SQLiteStore(":memory:")
    one, two = (ScopeRecords(store, Scope.parse(name)) for name in ("a", "b"))
    for records in (one, two):
        append(records, "same text")
        writer(records).write_pages(partial=True)
    assert one.page_keys()[0].position == two.page_keys()[0].position
    assert one.page_keys()[0].id != two.page_keys()[0].id
