"""What was said right after a hit comes with it when asked for."""

import pytest
from plain import plain_reader

from optimem.errors import InputError
from optimem.memory import OpticalMemory

SAID = ["Which certificate does the proxy serve?", "looking", "/etc/tls/a.pem", "Anything else?"]


@pytest.mark.parametrize("flushed", [False, True])
def test_the_turns_after_a_hit(flushed: bool) -> None:
    with OpticalMemory.open(":memory:", reader=plain_reader()) as memory:
        memory.append("s", SAID)
        if flushed:
            memory.flush("s")
        (hit,) = memory.recall("s", "proxy certificate")
        found = memory.recall("s", "proxy certificate", following=2)
        assert [turn.text for turn in found] == SAID[:3]
        assert [turn.score for turn in found] == [hit.score, 0, 0]


async def test_the_async_twin_and_what_cannot_be() -> None:
    with OpticalMemory.open(":memory:", reader=plain_reader()) as memory:
        memory.append("s", SAID)
        assert len(await memory.arecall("s", "proxy", following=1)) == 2
        with pytest.raises(InputError, match="-1 after each"):
            memory.recall("s", "proxy", following=-1)
