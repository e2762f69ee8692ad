"""Fakes for tests of what is built on optimem. They need no torch, no files and no server.

    from optimem.testing import ManualClock, open_memory

    def test_a_fact_is_remembered() -> None:
        clock = ManualClock()
        with open_memory(clock=clock) as memory:
            memory.append("s", "The port is 6543.")
            memory.flush("s")
            clock.advance(days=2)
            memory.sweep()
            assert memory.recall("s", "port")[0].text == "The port is 6543."

`open_memory` opens a real `OpticalMemory` on the fakes: its logic is what is under test.
"""

from optimem.testing.images import FakeImageReader
from optimem.testing.memory import ManualClock, open_memory
from optimem.testing.pages import PlainModel, PlainRenderer, plain_codec
from optimem.testing.store import InMemoryStore

__all__ = [
    "FakeImageReader",
    "InMemoryStore",
    "ManualClock",
    "PlainModel",
    "PlainRenderer",
    "open_memory",
    "plain_codec",
]
