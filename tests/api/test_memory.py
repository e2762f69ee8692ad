"""The memory's behaviour on a real SQLite store, with a reader whose losses are known."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimem import OpticalMemory
from optimem.errors import ConflictError, InputError, StoreUnavailableError
from optimem.memory.decay import DAY
from optimem.protocols import Change
from optimem.store.sqlite import SQLiteStore
from optimem.testing.pages import CAPACITY, PlainReader, plain_codec
from optimem.turns import Scope, Turn

NOW = 1_700_000_000.0
SCOPE = "acme/ann/s1"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[OpticalMemory]:
    with OpticalMemory.open(tmp_path / "m.db", codec=plain_codec(), clock=lambda: NOW) as opened:
        yield opened


def texts(memory: OpticalMemory, **options: float) -> list[str]:
    return [turn.text for turn in memory.reconstruct(SCOPE, **options)]


def test_turns_come_back_in_order_from_tail_and_pages(memory: OpticalMemory) -> None:
    said = [f"turn {i}: " + "x" * 90 for i in range(12)]
    for text in said:
        memory.append(SCOPE, text)
    memory.wait()
    assert memory.stats(SCOPE).pages == 2
    assert texts(memory) == said


def test_append_counts_a_turn_once(memory: OpticalMemory) -> None:
    turn = Turn(text="hello", id="m1", time=NOW)
    assert memory.append(SCOPE, [turn, turn]).added == 1
    assert memory.append(SCOPE, turn).duplicates == 1
    memory.flush(SCOPE)
    assert memory.append(SCOPE, turn).added == 0
    assert texts(memory) == ["hello"]


def test_a_short_memory_pays_for_no_page(memory: OpticalMemory) -> None:
    memory.append(SCOPE, "short")
    memory.wait()
    stats = memory.stats(SCOPE)
    assert (stats.pages, stats.token_bytes) == (0, 0)
    assert stats.tail_bytes > 0
    assert memory.recall(SCOPE, "short")[0].tier == "tail"


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


def test_recall_ranks_reads_only_what_it_needs_and_gives_boxes(memory: OpticalMemory) -> None:
    for i in range(30):
        memory.append(SCOPE, f"turn {i} about the weather in Lisbon and " + "rain " * 20)
    memory.append(SCOPE, Turn(text="The staging database listens on port 6543.", id="port"))
    for i in range(10):
        memory.append(SCOPE, f"later turn {i} about gardens and " + "roses " * 20)
    memory.flush(SCOPE)
    decoder = memory.codec.decoder
    assert isinstance(decoder, PlainReader)
    decoder.read_pages = 0
    hits = memory.recall(SCOPE, "which port does the staging database use?", k=1)
    assert [hit.id for hit in hits] == ["port"]
    assert hits[0].exact
    assert hits[0].parts[0].boxes
    assert decoder.read_pages <= 2
    assert memory.recall(SCOPE, "zeppelin") == []


def test_only_pages_of_the_time_asked_for_are_read(memory: OpticalMemory) -> None:
    said = [Turn(text=f"{i} " + "x" * 380, id=str(i), time=NOW + i) for i in range(6)]
    memory.append(SCOPE, said)
    memory.flush(SCOPE)
    decoder = memory.codec.decoder
    assert isinstance(decoder, PlainReader)
    decoder.read_pages = 0
    found = memory.reconstruct(SCOPE, since=NOW + 2, until=NOW + 3)
    assert [turn.id for turn in found] == ["2", "3"]
    assert all(turn.exact for turn in found)
    assert decoder.read_pages <= 3


def test_a_recall_sees_what_was_appended_and_forgotten_since_the_last(
    memory: OpticalMemory,
) -> None:
    for i in range(6):
        memory.append(SCOPE, Turn(text=f"lantern {i} " + "x" * 200, id=str(i)))
        memory.wait()
        assert len(memory.recall(SCOPE, "lantern", k=9)) == i + 1
    memory.forget(SCOPE, turn="2")
    assert {hit.id for hit in memory.recall(SCOPE, "lantern", k=9)} == {"0", "1", "3", "4", "5"}


@pytest.mark.parametrize("given", [{"text": 5}, {"text": "a", "role": "king"}, {}, {"txt": "a"}])
def test_what_is_no_turn_is_named(memory: OpticalMemory, given: dict[str, object]) -> None:
    with pytest.raises(InputError, match="is not a turn"):
        memory.append(SCOPE, given)


def test_a_time_that_is_none_is_named(memory: OpticalMemory) -> None:
    with pytest.raises(InputError, match="no time"):
        memory.sweep(now=float("nan"))


def test_an_empty_query_is_named(memory: OpticalMemory) -> None:
    with pytest.raises(InputError, match="give a question"):
        memory.recall(SCOPE, "  ")


def test_forgetting_a_turn_leaves_the_others(memory: OpticalMemory) -> None:
    said = {f"m{i}": f"message {i} " + chr(97 + i) * 150 for i in range(6)}
    memory.append(SCOPE, [Turn(text=text, id=key) for key, text in said.items()])
    memory.flush(SCOPE)
    memory.append(SCOPE, Turn(text="still in the tail", id="t"))
    for gone in ("m0", "m2", "t"):
        receipt = memory.forget(SCOPE, turn=gone)
        assert (receipt.turns, receipt.left) == (1, 0)
    assert texts(memory) == [said[key] for key in ("m1", "m3", "m4", "m5")]
    assert all(turn.exact for turn in memory.reconstruct(SCOPE))
    assert memory.recall(SCOPE, "message 2 " + "c" * 150)[0].id != "m2"
    with pytest.raises(InputError, match="no turn 'm2'"):
        memory.forget(SCOPE, turn="m2")


def test_forgetting_a_scope_and_a_user_leaves_nothing(memory: OpticalMemory) -> None:
    for scope in ("acme/ann/s1", "acme/ann/s2", "acme/bob/s1"):
        memory.append(scope, "x" * 500)
    assert memory.forget("acme/ann/s1").left == 0
    receipt = memory.forget_user("ann", namespace="acme")
    assert receipt.scopes == ["acme/ann/s2"]
    assert receipt.left == 0
    assert [str(scope) for scope in memory.store.scopes()] == ["acme/bob/s1"]


def test_stored_bytes_add_up(memory: OpticalMemory) -> None:
    memory.append(SCOPE, ["y" * 390, "z" * 100])
    memory.flush(SCOPE)
    stats = memory.stats()
    assert stats.stored_bytes == memory.store.usage(Scope.parse(SCOPE))
    assert stats.turns == 2
    assert stats.text_bytes == 490


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


class FailingStore(SQLiteStore):
    """A store whose n-th commit fails, as if the machine had stopped."""

    def __init__(self, path: Path, fail_at: int) -> None:
        super().__init__(path)
        self.left = fail_at

    def commit(self, scope: Scope, changes: list[Change]) -> None:  # type: ignore[override]
        self.left -= 1
        if self.left == 0:
            raise StoreUnavailableError("gone")
        super().commit(scope, changes)


@pytest.mark.parametrize("fail_at", range(1, 9))
def test_a_crash_between_commits_loses_nothing(tmp_path: Path, fail_at: int) -> None:
    path = tmp_path / "m.db"
    said = [Turn(text=f"{i} " + "v" * 250, id=str(i)) for i in range(5)]
    done = 0
    store = FailingStore(path, fail_at)
    memory = OpticalMemory.open(store, codec=plain_codec(), clock=lambda: NOW)
    try:
        for turn in said:
            memory.append(SCOPE, turn)
            done += 1
        memory.flush(SCOPE)
    except StoreUnavailableError:
        pass
    store.close()
    with OpticalMemory.open(path, codec=plain_codec(), clock=lambda: NOW) as again:
        assert texts(again) == [turn.text for turn in said[:done]]
        again.append(SCOPE, said)
        again.flush(SCOPE)
        assert texts(again) == [turn.text for turn in said]


def test_background_errors_are_raised_at_the_next_flush(tmp_path: Path) -> None:
    store = FailingStore(tmp_path / "m.db", 2)
    memory = OpticalMemory.open(store, codec=plain_codec(), clock=lambda: NOW)
    memory.append(SCOPE, "x" * 500)
    with pytest.raises(StoreUnavailableError):
        memory.flush(SCOPE)
    memory.flush(SCOPE)
    assert texts(memory) == ["x" * 500]
    memory.close()


def test_async_twins(tmp_path: Path) -> None:
    async def use() -> list[str]:
        reader = plain_codec()
        async with OpticalMemory.open(tmp_path / "m.db", codec=reader, clock=lambda: NOW) as m:
            await asyncio.gather(*(m.aappend(SCOPE, f"said {i}") for i in range(5)))
            await m.aflush(SCOPE)
            assert (await m.arecall(SCOPE, "said 3"))[0].text.startswith("said")
            assert (await m.asweep(now=NOW + 2 * DAY)).moves
            assert (await m.astats()).turns == 5
            return [turn.text for turn in await m.areconstruct(SCOPE)]

    assert sorted(asyncio.run(use())) == [f"said {i}" for i in range(5)]


def test_conflict_is_not_swallowed_forever(memory: OpticalMemory) -> None:
    memory.append(SCOPE, "a")
    scope = Scope.parse(SCOPE)
    with pytest.raises(ConflictError):
        memory.store.commit(scope, [Change("head", b"", expect=99)])


def test_a_scope_forgotten_while_its_page_is_drawn_stays_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    one = OpticalMemory.open(path, codec=plain_codec(), clock=lambda: NOW)
    two = OpticalMemory.open(path, codec=plain_codec(), clock=lambda: NOW)
    encoder = one.codec.encoder
    assert isinstance(encoder, PlainReader)
    encode = encoder.encode

    def interrupted(*given: object) -> object:
        encoder.encode = encode  # type: ignore[method-assign]
        two.forget(SCOPE)
        two.append(SCOPE, Turn(text="new", id="new"))
        return encode(*given)  # type: ignore[arg-type]

    one.append(SCOPE, Turn(text="SECRET", id="old"))
    encoder.encode = interrupted  # type: ignore[method-assign, assignment]
    one.flush(SCOPE)
    assert texts(two) == ["new"]
    one.close()
    two.close()


def test_a_page_that_closes_while_turns_are_read_counts_once(memory: OpticalMemory) -> None:
    memory.append(SCOPE, Turn(text="hello", id="h"))
    store = memory.store
    get, calls = store.get, []

    def interrupted(scope: Scope, names: list[str]) -> object:
        calls.append(names)
        found = get(scope, names)
        if len(calls) == 2:  # after the tail was read
            store.get = get  # type: ignore[method-assign]
            memory.flush(SCOPE)
        return found

    store.get = interrupted  # type: ignore[method-assign, assignment]
    assert texts(memory) == ["hello"]


def test_what_it_holds_is_told_by_id(memory: OpticalMemory) -> None:
    memory.append("s", [Turn(text="one", id="a"), Turn(text="two", id="b")])
    assert memory.holds("s", ["b", "c", "a"]) == [True, False, True]
    memory.forget("s", turn="a")
    assert memory.holds("s", ["a"]) == [False]
    assert memory.holds("elsewhere", ["b"]) == [False]
