"""The sweeping thread: it sweeps, survives an error, and ends when told."""

import logging
import threading

import pytest

from optimem.errors import InputError, StoreUnavailableError
from optimem.items.collection import Sweeper

SOON = 0.001
PATIENCE = 20.0


def test_it_sweeps_on_after_an_error_until_it_is_stopped(caplog: pytest.LogCaptureFixture) -> None:
    enough, calls = threading.Event(), list[int]()

    def sweep() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise StoreUnavailableError("the server is gone")
        enough.set()
        return 1

    sweeper = Sweeper(sweep)
    with caplog.at_level(logging.ERROR, "optimem"):
        ended = sweeper.start(SOON)
        assert enough.wait(PATIENCE)
    assert "the server is gone" in caplog.text
    assert sweeper.stop(PATIENCE)
    assert ended.result(PATIENCE) is None
    count = len(calls)
    assert sweeper.stop()
    assert len(calls) == count


def test_cancelling_the_future_stops_it_and_it_can_start_again() -> None:
    started = threading.Event()

    def sweep() -> int:
        started.set()
        return 0

    sweeper = Sweeper(sweep)
    assert sweeper.start(3600.0).cancel()
    assert sweeper.stop(PATIENCE)
    sweeper.start(SOON)
    assert started.wait(PATIENCE)
    assert sweeper.stop(PATIENCE)


def test_an_interval_is_positive() -> None:
    with pytest.raises(InputError, match="cannot sweep every 0 s"):
        Sweeper(lambda: 0).start(0)
