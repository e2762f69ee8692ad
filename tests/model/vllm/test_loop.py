"""The thread that requests run on."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncGenerator

import pytest

from optimem.model.vllm.loop import LoopThread
from tests.model.vllm.conftest import Open, Serve, stored


async def counted(log: list[str]) -> AsyncGenerator[int]:
    try:
        for number in range(3):
            yield number
    finally:
        log.append("closed")


def test_what_runs_runs_elsewhere_and_comes_back() -> None:
    loop = LoopThread("elsewhere")

    async def name() -> str:
        return threading.current_thread().name

    async def fail() -> None:
        raise KeyError("as it is")

    assert loop.run(name()) == "elsewhere"
    with pytest.raises(KeyError, match="as it is"):
        loop.run(fail())
    loop.stop()
    loop.stop()


def test_a_generator_that_is_left_is_closed() -> None:
    loop, log = LoopThread("each"), list[str]()
    assert list(loop.each(counted(log))) == [0, 1, 2]
    left = loop.each(counted(log))
    assert next(left) == 0
    left.close()  # type: ignore[attr-defined]  # of a generator
    assert log == ["closed", "closed"]
    loop.stop()


def test_a_generator_that_nobody_closed_is_closed_at_the_end() -> None:
    loop, log = LoopThread("left"), list[str]()
    left = counted(log)

    async def begin() -> int:
        return await anext(left)

    assert loop.run(begin()) == 0
    loop.stop()
    assert log == ["closed"]


async def test_callers_with_a_loop_wait_in_it() -> None:
    loop, log = LoopThread("other"), list[str]()
    assert [number async for number in loop.aeach(counted(log))] == [0, 1, 2]
    task = asyncio.create_task(loop.arun(asyncio.sleep(60)))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    loop.stop()


def test_a_child_process_has_connections_of_its_own(serve: Serve, connect: Open) -> None:
    reader = connect(serve())
    reader.answer([stored()])
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os._exit(0 if reader.answer([stored()])[0].complete else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert reader.answer([stored()])[0].complete
