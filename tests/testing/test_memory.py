"""A memory on fakes is a memory, and loads nothing heavy."""

import subprocess
import sys
from pathlib import Path

from optimem import DecayPolicy, OpticalMemory
from optimem.memory.decay import DAY
from optimem.testing import FakeImageReader, InMemoryStore, ManualClock, open_memory, plain_codec
from optimem.tiers import Tier


def test_it_remembers_fades_and_forgets_by_the_clock() -> None:
    clock, policy = ManualClock(), DecayPolicy(forget_after=400 * DAY)
    with open_memory(clock=clock, policy=policy) as memory:
        assert isinstance(memory, OpticalMemory)
        memory.append("s", "The port is 6543.")
        memory.flush("s")
        clock.advance(days=2)
        assert [move.after for move in memory.sweep().moves] == ["base"]
        assert memory.recall("s", "port", refresh=False)[0].age == 2 * DAY
        clock.advance(days=400)
        memory.sweep()
        assert memory.reconstruct("s") == []


def test_its_parts_can_be_given(tmp_path: Path) -> None:
    store, codec = InMemoryStore(), plain_codec({Tier.LARGE: 9})
    with open_memory(store, codec=codec, images=FakeImageReader()) as memory:
        (tmp_path / "a.png").write_text("a lighthouse")
        memory.append_file("s", tmp_path / "a.png")
        assert (memory.store, memory.codec) == (store, codec)
    with open_memory(store) as memory:
        assert len(memory.reconstruct("s")) == 1


def test_a_clock_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(100.0)
    assert clock() == clock() == 100
    clock.advance(5, hours=1, days=-1)
    assert clock() == 100 + 5 + 3600 - DAY


def test_it_needs_neither_torch_nor_redis() -> None:
    code = (
        "import sys; from optimem.testing import open_memory\n"
        "with open_memory() as memory: memory.append('s', 'a'); memory.flush('s')\n"
        "assert not {'torch', 'redis', 'PIL'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
