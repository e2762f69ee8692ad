"""Which sentence answers: what speaks for it, and what is quoted of a memory."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest

from optimem import OpticalMemory
from optimem.memory.answering.evidence import FEATURES
from optimem.memory.answering.quoting import BY_MEANING, BY_WORDS, best_quotation, probabilities
from optimem.results import Answer
from optimem.testing import open_memory
from optimem.turns import Turn

DAY = 86_400.0
NOW = datetime(2026, 5, 11, 18, 30, tzinfo=UTC).timestamp()  # a Monday
TALK = [
    ("Ann", 60, "The choir rehearses on Mondays, if you want to come."),
    ("Ben", 60, "I might! I collect fossils, the shelf is full."),
    ("Ann", 40, "What did the plumber charge you in the end?"),
    ("Ben", 40, "240, and he fixed nothing at all."),
    ("Ann", 30, "The choir moved: it rehearses on Fridays from now on."),
    ("Ben", 20, "Last Friday I ran the half marathon in Ghent."),
    ("Ann", 20, "My goodness. Who came along?"),
    ("Ben", 20, "Tilda, as always."),
]


@pytest.fixture(scope="module")
def memory() -> Iterator[OpticalMemory]:
    with open_memory() as opened:
        for at, (name, days, text) in enumerate(TALK):
            time = NOW - days * DAY + at * 60
            opened.append("s", Turn(text=text, name=name, time=time), now=time)
        yield opened


def asked(memory: OpticalMemory, question: str) -> Answer:
    return memory.answer("s", question, now=NOW, refresh=False)


def test_what_is_said_again_and_again_is_no_less_likely() -> None:
    said = "Doctor Quill keeps the zinnia ledger under the harpsichord."
    with open_memory() as memory:
        memory.append("s", [Turn(text=said, time=NOW - at * DAY) for at in range(9)])
        answer = asked(memory, "Where is the zinnia ledger?")
    assert answer.text == said
    assert answer.probability > 0.9


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("What does Ben collect?", "fossils"),
        ("Where did Ben run the half marathon?", "Ghent"),
        ("What did the plumber charge Ben?", "240"),  # the question was asked in the turn before
        ("On which day does Ann's choir rehearse now?", "Fridays"),
        ("On which day did Ann's choir rehearse at first?", "Mondays"),
    ],
)
def test_the_sentence_that_answers_is_quoted(
    memory: OpticalMemory, question: str, told: str
) -> None:
    answer = asked(memory, question)
    assert answer.known
    assert told in answer.text
    assert BY_WORDS.threshold <= answer.probability <= 1


@pytest.mark.parametrize(
    "question",
    ["What does Ann collect?", "Where did Ann run the half marathon?",
     "How much did Ben pay for the telescope?", "Which university did Ann drop out of?"],
)  # fmt: skip
def test_what_nobody_said_is_not_known(memory: OpticalMemory, question: str) -> None:
    answer = asked(memory, question)
    assert not answer.known
    assert answer.probability == 0


def test_a_question_for_a_time_is_told_which_day_words_mean(memory: OpticalMemory) -> None:
    answer = asked(memory, "When did Ben run the half marathon?")
    assert answer.text.endswith("Ghent. [Last Friday: Friday, 17 April 2026]")
    (passage,) = answer.passages
    assert passage.text == TALK[5][2]  # verbatim, without what is ours


def test_what_is_told_of_a_day_answers_a_question_for_that_day(memory: OpticalMemory) -> None:
    assert "half marathon" in asked(memory, "What did Ben tell us about 17 April 2026?").text


def test_a_day_told_to_the_week_answers_too_but_a_closer_one_better() -> None:
    with open_memory() as memory:
        for ago, text in ((10, "Two weeks ago I sold the boat."), (23, "I bought a kite today.")):
            time = NOW - ago * DAY
            memory.append("s", Turn(text=text, name="Ann", time=time), now=time)
        assert "boat" in asked(memory, "What did Ann tell us about 17 April 2026?").text
        assert "kite" in asked(memory, "What did Ann tell us about 18 April 2026?").text


def test_the_output_of_a_tool_for_something_else_is_no_answer() -> None:
    line = "03:08:02 {}[346]: FATAL certificate aa50588c expired on node merlin"
    with open_memory() as memory:
        for service, text in (("uploads", line), ("billing", "03:10:44 {}[12]: all is well")):
            said = [("user", f"Can you check {service}?"), ("tool", text.format(service))]
            memory.append("s", [Turn(role=role, text=text, time=NOW) for role, text in said])
        question = "On which node did the certificate of {} expire?"
        assert "merlin" in asked(memory, question.format("uploads")).text
        assert not asked(memory, question.format("billing")).known
        assert "merlin" in asked(memory, question.format("a service")).text


def test_every_figure_has_a_weight_and_none_of_them_is_an_answer() -> None:
    assert tuple(BY_WORDS.weights) == tuple(BY_MEANING.weights) == FEATURES
    figures = np.zeros((2, len(FEATURES)))
    alike = probabilities(figures, BY_WORDS.row, 0.0)
    assert alike == pytest.approx([1 / 3, 1 / 3])
    figures[0, FEATURES.index("share")] = 1
    better = probabilities(figures, BY_WORDS.row, BY_WORDS.none)
    assert better[0] / better[1] == pytest.approx(math.exp(BY_WORDS.weights["share"]))
    assert better.sum() < 1
    assert best_quotation([]) is None


def test_a_long_text_is_answered_from_in_a_moment(memory: OpticalMemory) -> None:
    text = "".join(f"Room {n} of the old mill holds {n * 7} sacks of flour.\n" for n in range(400))
    memory.append("long", text)
    answer = memory.answer("long", "How many sacks does room 321 hold?")
    assert "Room 321 of the old mill holds 2247 sacks" in answer.text
