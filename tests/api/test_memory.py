"""The memory's behaviour on a real SQLite store, with a reader whose losses are known."""

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from optimem import OpticalMemory
from optimem.errors import InputError, StoreUnavailableError
from optimem.memory.decay import DAY
from optimem.memory.records.records import EntryKind
from optimem.protocols import Change
from optimem.reports import AppendReport
from optimem.store.sqlite import SQLiteStore
from optimem.testing import FakeImageReader, InMemoryStore, plain_codec
from optimem.text.terms import terms
from optimem.turns import Scope, Turn
from tests.memory.factories import memory_scopes

NOW = 1_700_000_000.0
SCOPE = "acme/ann/s1"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[OpticalMemory]:
    with OpticalMemory.open(tmp_path / "m.db", codec=plain_codec(), clock=lambda: NOW) as opened:
        yield opened


def texts(memory: OpticalMemory, **options: float) -> list[str]:
    return [turn.text for turn in memory.reconstruct(SCOPE, **options)]


@pytest.mark.parametrize("given", [{"text": 5}, {"text": "a", "role": "king"}, {}, {"txt": "a"}])
def test_what_is_no_turn_is_named(memory: OpticalMemory, given: dict[str, object]) -> None:
    with pytest.raises(InputError, match="is not a turn"):
        memory.append(SCOPE, given)


def test_a_time_that_is_none_is_named(memory: OpticalMemory) -> None:
    with pytest.raises(InputError, match="not a time"):
        memory.sweep(now=float("nan"))


def test_an_empty_query_is_named(memory: OpticalMemory) -> None:
    with pytest.raises(InputError, match="give a question"):
        memory.recall(SCOPE, "  ")


def test_the_rarer_term_of_a_query_weighs_more(memory: OpticalMemory) -> None:
    memory.append("t", ["The key is green.", "The key is red.", "A door."])
    weights = memory.term_weights("t", "green key")
    (green,), (key,) = terms("green"), terms("key")
    assert weights.keys() == {green, key}
    assert weights[green] > weights[key] > 0
    with pytest.raises(InputError, match="give a"):
        memory.term_weights("t", " ")


def test_forgetting_a_scope_and_a_user_leaves_nothing(memory: OpticalMemory) -> None:
    for scope in ("acme/ann/s1", "acme/ann/s2", "acme/bob/s1"):
        memory.append(scope, "x" * 500)
    assert memory.forget("acme/ann/s1").left == 0
    receipt = memory.forget_user("ann", namespace="acme")
    assert receipt.scopes == ["acme/ann/s2"]
    assert receipt.left == 0
    assert memory_scopes(memory) == ["acme/bob/s1"]


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


def test_a_memory_that_leaves_its_pages_loses_no_turn(tmp_path: Path) -> None:
    writing, go = threading.Event(), threading.Event()

    class Held(SQLiteStore):
        """Waits with the first page."""

        def commit(self, scope: Scope, changes: Sequence[Change]) -> None:
            if any(EntryKind.of(change.key) is EntryKind.PAGE for change in changes):
                writing.set()
                go.wait(5)
            super().commit(scope, changes)

    said = [f"turn {number} " + "x" * 3000 for number in range(40)]
    with OpticalMemory.open(Held(tmp_path / "m.db"), codec=plain_codec()) as memory:
        memory.append(SCOPE, said)
        memory.append("acme/bob/s1", said)
        assert writing.wait(5)
        memory.leave_pages()
        go.set()
    with OpticalMemory.open(tmp_path / "m.db", codec=plain_codec()) as memory:
        assert memory.stats(SCOPE).pages == 1
        assert memory.stats("acme/bob/s1").pages == 0
        assert texts(memory) == said
        memory.append(SCOPE, "one more")
        memory.drain()
        assert memory.stats(SCOPE).pages > 5
        assert texts(memory) == [*said, "one more"]


def test_background_errors_are_raised_at_the_next_flush(tmp_path: Path) -> None:
    store = FailingStore(tmp_path / "m.db", 2)
    memory = OpticalMemory.open(store, codec=plain_codec(), clock=lambda: NOW)
    memory.append(SCOPE, "x" * 500)
    with pytest.raises(StoreUnavailableError):
        memory.flush(SCOPE)
    memory.flush(SCOPE)
    assert texts(memory) == ["x" * 500]
    memory.close()


def public_methods() -> dict[str, Callable[..., object]]:
    """The methods that users call on a memory; `open` is how they come by one."""
    members = inspect.getmembers(OpticalMemory, inspect.isfunction)
    return {name: method for name, method in members if not name.startswith("_")}


METHODS = public_methods()


def is_async(method: Callable[..., object]) -> bool:
    return inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method)


SYNC = [name for name, method in METHODS.items() if not is_async(method)]


@pytest.mark.parametrize("name", SYNC)
def test_every_method_has_an_async_twin_with_the_same_parameters(name: str) -> None:
    method, twin = METHODS[name], METHODS[f"a{name}"]
    assert is_async(twin)
    assert twin.__name__ == f"a{name}"
    assert str(twin.__doc__).startswith(f"Async twin of `{name}`")
    own, given = inspect.signature(twin), inspect.signature(method)
    assert own.parameters == given.parameters
    if inspect.iscoroutinefunction(twin):  # the twin of an iterator gives an asynchronous one
        assert own == given


def test_every_async_method_is_a_twin() -> None:
    assert {"append", "append_file", "answer", "forget_user", "sweep"} <= set(SYNC)
    assert set(METHODS) == {*SYNC, *(f"a{name}" for name in SYNC)}


async def test_async_twins_do_what_the_methods_do(tmp_path: Path) -> None:
    done: list[int] = []
    async with OpticalMemory.open(
        tmp_path / "m.db", codec=plain_codec(), clock=lambda: NOW, images=FakeImageReader()
    ) as memory:
        await asyncio.gather(*(memory.aappend(SCOPE, f"said {i}") for i in range(5)))
        await memory.aflush(SCOPE)
        assert (await memory.arecall(SCOPE, "said 3"))[0].text.startswith("said")
        assert "said 3" in (await memory.aanswer(SCOPE, "said 3")).text
        later = NOW + 2 * DAY
        assert (await memory.asweep(now=later, dry_run=True, limit=1)).moves
        assert (await memory.asweep(now=later, lease=5.0, progress=done.append)).moves
        assert done
        assert (await memory.astats()).turns == 5
        said = [f"said {i}" for i in range(5)]
        assert sorted(turn.text for turn in await memory.areconstruct(SCOPE)) == said
        exported = [line async for line in memory.aexport([SCOPE])]
        assert sorted(line["text"] for line in exported if "text" in line) == said
        (tmp_path / "scan.png").write_bytes(b"a lighthouse")
        assert (await memory.aappend_file(SCOPE, str(tmp_path / "scan.png"))).added == 1
        await memory.adrain()
        await memory.aappend(SCOPE, Turn(text="pinned", id="p"))
        await memory.apin(SCOPE, "p")
        await memory.aunpin(SCOPE, "p")
        assert (await memory.aforget(SCOPE, turn="p")).turns == 1
        assert await memory.aholds(SCOPE, ["p"]) == [False]
        assert (await memory.aforget_user("ann", namespace="acme")).scopes == [SCOPE]
        assert (await memory.astats()).turns == 0


async def test_a_twin_calls_what_a_subclass_overrides() -> None:
    class Counting(OpticalMemory):
        appended = 0

        def append(self, *given: Any, **options: Any) -> AppendReport:
            self.appended += 1
            return super().append(*given, **options)

    async with Counting(InMemoryStore(), plain_codec()) as memory:
        await memory.aappend(SCOPE, "hello")
        assert memory.appended == 1


@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_is_appended_by_a_path_of_either_kind(
    tmp_path: Path, kind: Callable[[Path], str | Path]
) -> None:
    path = tmp_path / "scan.png"
    path.write_bytes(b"a lighthouse")
    with OpticalMemory(InMemoryStore(), plain_codec(), images=FakeImageReader()) as memory:
        assert memory.append_file(SCOPE, kind(path)).added == 1
        assert memory.append_file(SCOPE, kind(path)).duplicates == 1
        assert texts(memory) == ["scan.png, page 1\na lighthouse"]


def test_append_takes_no_path_and_a_string_is_text(memory: OpticalMemory) -> None:
    with pytest.raises(InputError, match=r"'scan\.png' is a path; append a file with append_file"):
        memory.append(SCOPE, Path("scan.png"))  # type: ignore[arg-type]
    memory.append(SCOPE, "scan.png")
    assert texts(memory) == ["scan.png"]


def test_messages_are_remembered(memory: OpticalMemory) -> None:
    memory.append(SCOPE, [{"role": "user", "content": "hi"}, AIMessage("hello", id="m2")])
    assert [(turn.role, turn.text) for turn in memory.reconstruct(SCOPE)] == [
        ("user", "hi"),
        ("assistant", "hello"),
    ]
    assert memory.holds(SCOPE, ["m2"]) == [True]


def test_what_it_holds_is_told_by_id(memory: OpticalMemory) -> None:
    memory.append("s", [Turn(text="one", id="a"), Turn(text="two", id="b")])
    assert memory.holds("s", ["b", "c", "a"]) == [True, False, True]
    memory.forget("s", turn="a")
    assert memory.holds("s", ["a"]) == [False]
    assert memory.holds("elsewhere", ["b"]) == [False]


class BrokenFor(InMemoryStore):
    """A store that fails to write pages of one scope."""

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.broken = Scope.parse(scope)

    def commit(self, scope: Scope, changes: Sequence[Change]) -> None:
        if scope == self.broken and any(change.key.startswith("page:") for change in changes):
            raise StoreUnavailableError("no pages today")
        super().commit(scope, changes)


def test_a_page_that_cannot_be_written_stops_no_other_scope() -> None:
    memory = OpticalMemory.open(BrokenFor("bad"), codec=plain_codec(), clock=lambda: NOW)
    for _ in range(5):
        memory.append("bad", Turn(text="x" * 500))
    memory.append("good", Turn(text="y" * 500, id="y"))
    assert memory.sweep(now=NOW + 2 * DAY).moves[0].scope == "good"
    assert memory.flush("good") == 1
    assert memory.forget("good", turn="y").left == 0
    assert memory.forget_user("nobody").left == 0
    with pytest.raises(StoreUnavailableError, match="no pages today") as raised:
        memory.drain()
    assert not hasattr(raised.value, "__notes__")
    memory.close()


def test_extra_is_kept_exactly_and_goes_with_its_turn(memory: OpticalMemory) -> None:
    extra = {"calls": [{"id": "c1", "args": {"ü": 1.5, "none": None}}], "note": "a\nb\u2028"}
    memory.append(SCOPE, [Turn(text="w" * 950, id="a", extra=extra), Turn(text="plain", id="b")])
    memory.append(SCOPE, [Turn(text="", id="c", extra={"secret": "hunter2"})])
    for _ in range(2):
        assert [turn.extra for turn in memory.reconstruct(SCOPE)] == [
            extra, {}, {"secret": "hunter2"},
        ]  # fmt: skip
        memory.flush(SCOPE)
    assert memory.recall(SCOPE, "plain")[0].extra == {}
    memory.forget(SCOPE, turn="c")
    assert [turn.extra for turn in memory.reconstruct(SCOPE)] == [extra, {}]


@pytest.mark.parametrize("extra", [{"a": object()}, {"a": float("nan")}, {1: {2}}, "text"])
def test_extra_that_is_not_json_is_named(extra: object) -> None:
    with pytest.raises(InputError, match="extra"):
        Turn(text="a", extra=extra)


def test_turns_that_differ_in_extra_alone_are_two(memory: OpticalMemory) -> None:
    memory.append(SCOPE, [Turn(text="", extra={"n": n}) for n in (1, 2)])
    assert len(memory.reconstruct(SCOPE)) == 2


@pytest.mark.parametrize("time", [float("nan"), float("inf"), "soon"])
def test_a_turn_of_no_time_is_refused(memory: OpticalMemory, time: object) -> None:
    with pytest.raises(InputError, match="time="):
        memory.append(SCOPE, {"text": "a", "time": time})


@pytest.mark.parametrize("k", ["3", 2.5, 0, -1])
def test_a_number_of_turns_that_is_none_is_named(memory: OpticalMemory, k: Any) -> None:
    for ask in (memory.recall, memory.answer):
        with pytest.raises(InputError, match="k ≥ 1"):
            ask(SCOPE, "port", k=k)


@pytest.mark.parametrize("given", [7, None, b"bytes", [7], 1.5])
def test_what_is_neither_turn_nor_text_is_named(memory: OpticalMemory, given: Any) -> None:
    with pytest.raises(InputError, match="is not a turn"):
        memory.append(SCOPE, given)
