"""Damage: the rest of a scope is read, what is damaged is named, and a repair mends the scope."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from optimem import OpticalMemory
from optimem.cli import cli
from optimem.errors import FormatError
from optimem.memory.recall.page_reading import read_pages
from optimem.memory.records.records import EntryKind
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.writing import merging
from optimem.memory.writing.merging import merge_index
from optimem.protocols import Change
from optimem.testing import InMemoryStore, open_memory, plain_codec
from optimem.turns import Scope, Turn
from tests.memory.embedders import embed
from tests.memory.factories import SCOPE, InterruptedStore, texts

HOME = Scope.parse(SCOPE)


def filled(store: InMemoryStore | None = None) -> OpticalMemory:
    """Three pages, a long turn over two of them, and a tail."""
    memory = open_memory(store or InMemoryStore(), embeddings=embed)
    turns = [Turn(text=f"the {c} port " + c * 90, id=c) for c in "abcd"]
    turns += [Turn(text="long " * 120, id="long"), Turn(text="e" * 90, id="e")]
    memory.append(SCOPE, turns)
    memory.flush(SCOPE)
    memory.append(SCOPE, [Turn(text="the f port", id="f"), Turn(text="the g port", id="g")])
    return memory


def keys(memory: OpticalMemory, kind: EntryKind) -> list[str]:
    return [i.key for i in memory.store.entries(HOME) if EntryKind.of(i.key) is kind]


def damage(memory: OpticalMemory, key: str) -> None:
    (entry,) = memory.store.get(HOME, [key])
    (info,) = [info for info in memory.store.entries(HOME, key) if info.key == key]
    assert entry
    middle = len(entry.value) // 2
    broken = entry.value[:middle] + bytes([entry.value[middle] ^ 1]) + entry.value[middle + 1 :]
    memory.store.commit(HOME, [Change(key, broken, due=info.due)])


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_damaged_page_leaves_the_rest_readable_and_is_named(at: int) -> None:
    with filled() as memory:
        every = {turn.id: turn for turn in memory.reconstruct(SCOPE)}
        pages = keys(memory, EntryKind.PAGE)
        assert len(pages) == 3
        lost = {0: set("abcd"), 1: set[str](), 2: {"e"}}[at]  # "long" lies on all three
        damage(memory, pages[at])
        turns = memory.reconstruct(SCOPE)
        assert {turn.id for turn in turns} >= every.keys() - lost
        for turn in turns:
            if turn.text != every[turn.id].text:
                assert not turn.exact
                assert turn.text.count("\ufffd") == 1
                assert "damaged" in [part.tier for part in turn.parts]
        found = memory.recall(SCOPE, "port long", k=9)
        assert {turn.id for turn in found} >= {"f", "g"}
        answer = memory.answer(SCOPE, "Where is the f port?")
        for unreadable in (turns.unreadable, memory.stats(SCOPE).unreadable):
            assert [(one.scope, one.entry) for one in unreadable] == [(SCOPE, pages[at])]
        assert {one.entry for one in (*found.unreadable, *answer.unreadable)} <= {pages[at]}


@pytest.mark.parametrize("repair", [False, True])
def test_what_is_written_while_a_scope_is_checked_is_not_damage(repair: bool) -> None:
    store = InterruptedStore()
    with filled(store) as memory:
        before = texts(memory)
        store.other = lambda: memory.flush(SCOPE)  # the tail goes to a page
        assert memory.check(SCOPE, repair=repair).damage == []
        assert store.other is None
        assert memory.append(SCOPE, Turn(text="the f port", id="f")).duplicates == 1
        assert texts(memory) == before


UNUSED = (EntryKind.IMAGE, EntryKind.GONE, EntryKind.DIGEST, EntryKind.SENT)


def test_turns_beyond_the_cells_of_their_page_are_named() -> None:
    with filled() as memory:
        records = ScopeRecords(memory.store, HOME)
        page = records.pages(records.page_keys()[:1])[0]
        assert page
        *first, last = page.record.spans
        forged = replace(page.record, spans=(*first, replace(last, end=last.end + 99)))
        with pytest.raises(FormatError, match="is damaged: it names turns up to cell"):
            read_pages([forged], plain_codec())


SEGMENTS = (EntryKind.SEGMENT, EntryKind.BLOCK)
MEND = [kind for kind in EntryKind if kind not in UNUSED]


@pytest.mark.parametrize("kind", MEND)
def test_a_repair_mends_a_scope_whatever_is_damaged(
    kind: EntryKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    with filled() as memory:
        before = texts(memory)
        if kind in (*SEGMENTS, EntryKind.VECTOR_SEGMENT):
            monkeypatch.setattr(merging, "FAN", 2)
            merge_index(ScopeRecords(memory.store, HOME))
        assert memory.check(SCOPE).damage == []
        key = keys(memory, kind)[0]
        damage(memory, key)
        kept = texts(memory)
        assert set(before[-1:]) <= set(kept)
        report = memory.check()
        assert key in [found.entry for found in report.damage]
        assert not report.repaired
        assert memory.check(SCOPE, repair=True).damage == report.damage
        assert memory.check(SCOPE).damage == []
        assert texts(memory)[-1] == before[-1]
        if kind in (EntryKind.STATE, EntryKind.INDEX, EntryKind.TURN, *SEGMENTS):  # made again
            assert texts(memory) == before
            assert memory.holds(SCOPE, ["a", "g"]) == [True, True]
            assert memory.recall(SCOPE, "a" * 90, k=9)[0].id == "a"
        memory.append(SCOPE, Turn(text="after " * 90, id="after"))
        memory.flush(SCOPE)
        assert memory.forget(SCOPE, turn="g").left == 0
        assert texts(memory)[-1] == "after " * 90


def test_lost_turns_can_be_appended_again_after_a_repair() -> None:
    with filled() as memory:
        damage(memory, keys(memory, EntryKind.PAGE)[0])
        memory.check(repair=True)
        assert memory.holds(SCOPE, ["a", "e"]) == [False, True]
        assert memory.append(SCOPE, Turn(text="again", id="a")).added == 1


def test_what_needs_a_damaged_entry_names_it() -> None:
    with filled() as memory:
        key = keys(memory, EntryKind.CHUNK)[0]
        damage(memory, key)
        with pytest.raises(FormatError, match=rf"{SCOPE}, entry {key}: .*optimem check"):
            memory.flush(SCOPE)
        assert memory.forget(SCOPE, turn="g").left == 0
        memory.check(SCOPE, repair=True)
        memory.flush(SCOPE)


def test_the_command_lists_and_repairs(tmp_path: Path) -> None:
    place = ["--store", str(tmp_path / "m.db")]
    with OpticalMemory.open(tmp_path / "m.db") as memory:
        memory.append(SCOPE, [Turn(text="one", id="1"), Turn(text="two", id="2")])
        key = keys(memory, EntryKind.CHUNK)[0]
        damage(memory, key)
    run = CliRunner().invoke
    listed = run(cli, ["check", *place])
    assert (listed.exit_code, key in listed.output) == (1, True)
    repaired = run(cli, ["check", SCOPE, "--repair", "--json", *place])
    assert repaired.exit_code == 0
    assert json.loads(repaired.stdout)["damage"][0]["scope"] == SCOPE
    assert run(cli, ["check", *place]).exit_code == 0
    assert "two" in run(cli, ["reconstruct", SCOPE, *place]).output
