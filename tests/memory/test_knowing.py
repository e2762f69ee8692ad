"""When a memory quotes and when it says that it does not know, counted on labelled questions:
`pytest tests/memory/test_knowing.py -s` prints the table that docs/answers.md shows."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest

from optimem import OpticalMemory
from optimem.cli.demo import demo_turns
from optimem.memory.decay import DAY, DecayPolicy
from optimem.testing import plain_codec
from optimem.tiers import Tier
from tests.memory.questions import CHOSEN, HELD_OUT

SCOPE = "demo"
END = float(str(demo_turns()[-1]["time"]))
LOST = 25  # every how many characters one is lost as the memory fades


class Count(NamedTuple):
    """`right`: quotations that hold the answer. `quoted`: all that were given. `answerable`:
    questions that the memory answers; `unanswerable`: others, `refused` of them rightly."""

    right: int
    quoted: int
    answerable: int
    refused: int
    unanswerable: int

    @property
    def precision(self) -> float:
        return self.right / max(self.quoted, 1)

    @property
    def recall(self) -> float:
        return self.right / self.answerable


@pytest.fixture(scope="module")
def memory() -> Iterator[OpticalMemory]:
    """The demo's conversation and chapter; a reader that forgets on Tiny alone."""
    reader, policy = plain_codec({Tier.TINY: LOST}), DecayPolicy(floor=0)
    with OpticalMemory.open(":memory:", codec=reader, policy=policy, clock=lambda: END) as opened:
        opened.append(SCOPE, demo_turns())
        opened.flush(SCOPE)
        yield opened


def counted(memory: OpticalMemory, labelled: Sequence[tuple[str, str | None]], now: float) -> Count:
    answers = [
        (memory.answer(SCOPE, question, now=now, refresh=False), wanted)
        for question, wanted in labelled
    ]
    return Count(
        right=sum(bool(a.known and wanted and wanted in a.text) for a, wanted in answers),
        quoted=sum(a.known for a, _ in answers),
        answerable=sum(wanted is not None for _, wanted in answers),
        refused=sum(not a.known for a, wanted in answers if wanted is None),
        unanswerable=sum(wanted is None for _, wanted in answers),
    )


def show(name: str, count: Count) -> None:
    print(
        f"\n| {name} | {count.right} of {count.answerable} | {count.refused} of "
        f"{count.unanswerable} | {count.precision:.0%} | {count.recall:.0%} |"
    )


def test_most_of_what_it_quotes_answers_and_most_else_it_refuses(memory: OpticalMemory) -> None:
    chosen, held_out = counted(memory, CHOSEN, END), counted(memory, HELD_OUT, END)
    show("chosen on", chosen)
    show("held out", held_out)
    assert min(chosen.answerable, chosen.unanswerable) >= 24
    assert min(held_out.answerable, held_out.unanswerable) >= 12
    assert chosen.precision >= 0.9
    assert chosen.recall >= 0.7
    assert chosen.refused >= chosen.unanswerable - 1
    assert held_out.precision >= 0.7
    assert held_out.recall >= 0.7


def test_a_faded_memory_knows_less_and_guesses_no_more(memory: OpticalMemory) -> None:
    later = END + 40 * DAY
    fresh = counted(memory, CHOSEN, END)
    memory.sweep(now=later)
    faded = counted(memory, CHOSEN, later)
    show("faded", faded)
    assert 0 < faded.right < fresh.right
    assert faded.unanswerable - faded.refused <= fresh.unanswerable - fresh.refused
