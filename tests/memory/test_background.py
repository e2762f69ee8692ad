"""Jobs on a background thread, and async twins."""

import logging
import threading
from functools import partial

import pytest

from optimem.errors import StoreError
from optimem.memory.background import MAX_ERRORS, BackgroundThread, async_twin


@pytest.fixture
def thread() -> BackgroundThread:
    return BackgroundThread("test-thread", "the job failed")


def failing(error: Exception) -> None:
    raise error


def test_jobs_run_in_order_on_one_other_thread(thread: BackgroundThread) -> None:
    ran: list[tuple[int, str]] = []

    def job(number: int) -> None:
        ran.append((number, threading.current_thread().name))

    for number in range(5):
        thread.submit(number, partial(job, number))
    thread.drain()
    assert [number for number, _ in ran] == list(range(5))
    assert len({name for _, name in ran}) == 1
    assert ran[0][1].startswith("test-thread")
    thread.close()


def test_errors_are_raised_once_by_the_next_drain(
    thread: BackgroundThread, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "optimem"):
        thread.submit("a", lambda: failing(StoreError("gone")))
        thread.submit("b", lambda: failing(ValueError("a bug")))
        thread.submit("c", lambda: None)
        with pytest.raises(StoreError, match="gone") as raised:
            thread.drain()
    assert raised.value.__notes__ == ["also: ValueError('a bug')"]
    assert caplog.messages == ["the job failed: gone"]
    thread.drain()


def test_closing_waits_for_the_jobs(thread: BackgroundThread) -> None:
    started, go, ran = threading.Event(), threading.Event(), list[int]()

    def job() -> None:
        started.set()
        go.wait(5)
        ran.append(1)

    thread.submit("s", job)
    started.wait(5)
    go.set()
    thread.close()
    assert ran == [1]


def test_errors_are_raised_by_the_drain_of_their_key_alone(thread: BackgroundThread) -> None:
    thread.submit("a", lambda: failing(StoreError("gone")))
    thread.wait()
    thread.drain("b")
    with pytest.raises(StoreError, match="gone"):
        thread.drain("a")
    thread.drain()


def test_a_job_that_keeps_failing_leaves_one_error_and_one_line(
    thread: BackgroundThread, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        thread.submit("a", lambda: failing(StoreError("gone")))
        thread.wait()
    assert caplog.messages == ["the job failed: gone"]
    with pytest.raises(StoreError) as raised:
        thread.drain()
    assert not hasattr(raised.value, "__notes__")


def test_a_later_success_clears_an_error(thread: BackgroundThread) -> None:
    thread.submit("a", lambda: failing(StoreError("gone")))
    thread.wait()
    thread.submit("a", lambda: None)
    thread.drain()


def test_only_the_last_errors_are_kept(thread: BackgroundThread) -> None:
    for key in range(MAX_ERRORS + 5):
        thread.submit(key, lambda: failing(ValueError("a bug")))
    with pytest.raises(ValueError, match="a bug") as raised:
        thread.drain()
    assert len(raised.value.__notes__) == MAX_ERRORS - 1


def test_of_jobs_with_one_key_one_waits(thread: BackgroundThread) -> None:
    started, go, ran = threading.Event(), threading.Event(), list[int]()
    thread.submit("first", lambda: (started.set(), go.wait(5)))
    started.wait(5)
    for number in range(9):
        thread.submit("a", partial(ran.append, number))
    go.set()
    thread.drain()
    assert ran == [0]


class Adder:
    def __init__(self, start: int) -> None:
        self.start = start

    def add(self, one: int, *, two: int = 2) -> tuple[int, str]:
        """Add."""
        return self.start + one + two, threading.current_thread().name

    aadd = async_twin(add)


async def test_a_twin_does_the_same_in_another_thread() -> None:
    adder = Adder(10)
    total, name = await adder.aadd(1, two=5)
    assert (total, adder.add(1, two=5)[0]) == (16, 16)
    assert name != threading.current_thread().name
    assert (Adder.aadd.__name__, Adder.aadd.__doc__) == ("aadd", "Async twin of `add`.")
    assert Adder.aadd.__qualname__ == "Adder.aadd"


async def test_a_twin_passes_errors_on() -> None:
    with pytest.raises(TypeError, match="three"):
        await Adder(0).aadd(1, three=3)  # type: ignore[call-arg]


def test_after_leaving_only_the_job_in_hand_ends(thread: BackgroundThread) -> None:
    started, go, ran = threading.Event(), threading.Event(), list[str]()

    def job() -> None:
        started.set()
        go.wait(5)
        ran.append(f"left={thread.left}")

    thread.submit("a", job)
    thread.submit("b", lambda: ran.append("b"))
    started.wait(5)
    thread.leave()
    thread.submit("c", lambda: ran.append("c"))
    go.set()
    thread.drain()
    thread.close()
    assert ran == ["left=True"]
