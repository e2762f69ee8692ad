"""What was said right after a hit comes with it when asked for."""

import pytest

from optimem import OpticalMemory
from optimem.errors import InputError
from optimem.memory.retrieval import followed
from optimem.testing import plain_codec

SAID = ["Which certificate does the proxy serve?", "looking", "/etc/tls/a.pem", "Anything else?"]


@pytest.mark.parametrize("flushed", [False, True])
def test_the_turns_after_a_hit(flushed: bool) -> None:
    with OpticalMemory.open(":memory:", codec=plain_codec()) as memory:
        memory.append("s", SAID)
        if flushed:
            memory.flush("s")
        (hit,) = memory.recall("s", "proxy certificate")
        found = memory.recall("s", "proxy certificate", following=2)
        assert [turn.text for turn in found] == SAID[:3]
        assert [turn.score for turn in found] == [hit.score, 0, 0]


async def test_the_async_twin_and_what_cannot_be() -> None:
    with OpticalMemory.open(":memory:", codec=plain_codec()) as memory:
        memory.append("s", SAID)
        assert len(await memory.arecall("s", "proxy", following=1)) == 2
        with pytest.raises(InputError, match="-1 after each"):
            memory.recall("s", "proxy", following=-1)


def test_each_turn_comes_once_and_only_those_that_there_are() -> None:
    known = (0, 1, 2, 4, 9)
    assert followed([(1, 2.0), (4, 1.5), (2, 1.0)], known, 2) == [(1, 2.0), (2, 1.0), (4, 1.5)]
    assert followed([(9, 2.0), (0, 1.0)], known, 1) == [(9, 2.0), (0, 1.0), (1, 0.0)]
    assert followed([(2, 1.0)], known, 0) == [(2, 1.0)]
