"""Answers quoted from a memory, on pages, in the tail and faded; and when a memory quotes and when
it says that it does not know, counted on labelled questions:
`pytest tests/memory/answering/test_answering.py -s` prints the table that docs/answers.md shows."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest

from optimem import OpticalMemory
from optimem.cli.demo_story import demo_turns
from optimem.errors import InputError
from optimem.memory.answering.quoting import BY_WORDS
from optimem.memory.decay import DAY, DecayPolicy
from optimem.results import Answer
from optimem.testing.pages import CAPACITY, COLUMNS, plain_codec
from optimem.tiers import Tier
from optimem.turns import Turn
from tests.memory.questions import CHOSEN, HELD_OUT

NOW = 1_700_000_000.0
SCOPE = "acme/ann/s1"
FILLER = "The weather in Lisbon stayed warm and the gardens were full of roses all week. " * 3
FACT = "The staging database listens on port 6543 behind pgbouncer."
QUESTION = "Which port does the staging database listen on?"
END = float(str(demo_turns()[-1]["time"]))
LOST = 25
"""Of how many characters of the demo one is lost as it fades."""


@pytest.fixture
def memory() -> Iterator[OpticalMemory]:
    with OpticalMemory.open(":memory:", codec=plain_codec(), clock=lambda: NOW) as opened:
        yield opened


def is_unknown(answer: Answer) -> bool:
    assert answer.known == bool(answer.passages)
    if not answer.known:
        assert answer.text.startswith("I do not know: ")
        assert answer.probability == 0
    return not answer.known


def test_a_stretch_of_a_long_turn_is_quoted_with_its_own_boxes(memory: OpticalMemory) -> None:
    long = f"{FILLER}{FACT} {FILLER}"
    memory.append(SCOPE, [Turn(text=long, id="long", role="assistant", time=NOW - DAY)])
    memory.flush(SCOPE)
    answer = memory.answer(SCOPE, QUESTION)
    assert (answer.known, answer.source) == (True, "quoted")
    assert BY_WORDS.threshold <= answer.probability < 1
    (passage,) = answer.passages
    assert passage.probability == 1
    assert passage.text == answer.text
    assert FACT in answer.text
    assert answer.text in long
    assert len(answer.text) <= 300
    assert (passage.id, passage.role, passage.age, passage.exact) == (
        "long",
        "assistant",
        DAY,
        True,
    )
    assert answer.text == boxed(passage.parts, pages_of(f" {long}"))


def pages_of(cells: str) -> list[str]:
    """What stands on two pages, of which the first ends with a word."""
    first = cells[: cells.rindex(" ", 0, CAPACITY) + 1]
    return [first, cells[len(first) :]]


def boxed(parts: list[object], pages: list[str]) -> str:
    """The characters that lie in the boxes, given what stands in each page's cells."""
    return "".join(
        page[int(box.top) * COLUMNS + x]
        for part, page in zip(parts, pages[-len(parts) :], strict=True)
        for box in part.boxes  # type: ignore[attr-defined]
        for x in range(int(box.left), int(box.right))
    )


def test_a_quotation_across_two_pages_has_boxes_on_both(memory: OpticalMemory) -> None:
    long = f"{'y' * 85}. {'x' * 291}. {FACT}"  # the fact is characters 380 to 439
    memory.append(SCOPE, long)
    memory.flush(SCOPE)
    (passage,) = memory.answer(SCOPE, QUESTION).passages
    assert passage.text == FACT
    assert len({part.page for part in passage.parts}) == 2
    assert boxed(passage.parts, pages_of(f" {long}")) == FACT


def test_a_memory_without_pages_answers_from_its_tail(memory: OpticalMemory) -> None:
    memory.append(SCOPE, f"{FILLER}\n\n{FACT}")
    (passage,) = memory.answer(SCOPE, QUESTION).passages
    assert FACT in passage.text
    assert [(p.page, p.tier, p.boxes) for p in passage.parts] == [(None, "tail", [])]


@pytest.mark.parametrize(
    "question",
    ["What is the capital of Mongolia?", "Which port did the ferry to Tallinn leave from?",
     "What is it about?", "???"],
)  # fmt: skip
def test_it_says_so_when_it_does_not_know(memory: OpticalMemory, question: str) -> None:
    memory.append(SCOPE, [FACT, FILLER])
    assert is_unknown(memory.answer(SCOPE, question))
    assert is_unknown(memory.answer("nobody/was/here", question))


def test_a_question_asked_before_is_no_answer(memory: OpticalMemory) -> None:
    memory.append(SCOPE, QUESTION)
    assert is_unknown(memory.answer(SCOPE, QUESTION))
    memory.append(SCOPE, {"text": FACT, "role": "assistant"})
    assert memory.answer(SCOPE, QUESTION).text == FACT


def faded(text: str, every: int) -> OpticalMemory:
    """A memory on Tiny, of which every so many characters one was lost."""
    memory = OpticalMemory.open(
        ":memory:",
        codec=plain_codec({Tier.TINY: every}),
        policy=DecayPolicy(floor=0),
        clock=lambda: NOW,
    )
    memory.append(SCOPE, text)
    memory.flush(SCOPE)
    memory.sweep(now=NOW + 40 * DAY)
    return memory


def test_what_has_faded_is_quoted_to_the_letter_with_its_gaps() -> None:
    text = "We know that the old lighthouse from afar opens in May."
    with faded(text, 20) as memory:
        answer = memory.answer(SCOPE, "When does the lighthouse open?", now=NOW + 40 * DAY)
    gaps = {18, 38}  # cells 19 and 39, after the role mark
    assert answer.text == "".join("\ufffd" if i in gaps else c for i, c in enumerate(text))
    (passage,) = answer.passages
    assert (passage.tier, passage.exact, passage.age) == ("tiny", False, 40 * DAY)
    assert 0.5 < answer.probability < 0.99


def test_what_has_faded_too_far_is_not_known() -> None:
    asked: list[str] = []
    with faded("The lighthouse opens in May and closes when autumn comes.", 2) as memory:
        assert memory.recall(SCOPE, "lighthouse", refresh=False)  # its words were indexed
        later = NOW + 40 * DAY
        answer = memory.answer(SCOPE, "When does the lighthouse open?", now=later)
        assert "faded" in answer.text
        assert is_unknown(answer)
        llm = memory.answer(SCOPE, "When does the lighthouse open?", asked.append, now=later)
        assert is_unknown(llm)
    assert asked == []


def test_answering_refreshes_what_it_recalls_unless_told_not_to(memory: OpticalMemory) -> None:
    later = NOW + 0.9 * DAY
    memory.append(SCOPE, FACT)
    memory.flush(SCOPE)
    memory.answer(SCOPE, QUESTION, now=later, refresh=False)
    assert len(memory.sweep(now=NOW + 1.5 * DAY, dry_run=True).moves) == 1
    memory.answer(SCOPE, QUESTION, now=later)
    assert memory.sweep(now=NOW + 1.5 * DAY, dry_run=True).moves == []


def test_the_async_twin_answers_the_same(memory: OpticalMemory) -> None:
    memory.append(SCOPE, [FACT, FILLER])
    for question in (QUESTION, "What is the capital of Mongolia?"):
        twin = asyncio.run(memory.aanswer(SCOPE, question))
        assert twin == memory.answer(SCOPE, question)


@pytest.mark.parametrize(("question", "k"), [("", 5), (" \n", 5), (QUESTION, 0)])
def test_what_cannot_be_asked_is_named(memory: OpticalMemory, question: str, k: int) -> None:
    with pytest.raises(InputError, match="give a question, k ≥ 1"):
        memory.answer(SCOPE, question, k=k)


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
def demo() -> Iterator[OpticalMemory]:
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


def test_most_of_what_it_quotes_answers_and_most_else_it_refuses(demo: OpticalMemory) -> None:
    chosen, held_out = counted(demo, CHOSEN, END), counted(demo, HELD_OUT, END)
    show("chosen on", chosen)
    show("held out", held_out)
    assert min(chosen.answerable, chosen.unanswerable) >= 24
    assert min(held_out.answerable, held_out.unanswerable) >= 12
    assert chosen.precision >= 0.9
    assert chosen.recall >= 0.7
    assert chosen.refused >= chosen.unanswerable - 1
    assert held_out.precision >= 0.7
    assert held_out.recall >= 0.7


def test_a_faded_memory_knows_less_and_guesses_no_more(demo: OpticalMemory) -> None:
    later = END + 40 * DAY
    fresh = counted(demo, CHOSEN, END)
    demo.sweep(now=later)
    faded = counted(demo, CHOSEN, later)
    show("faded", faded)
    assert 0 < faded.right < fresh.right
    assert faded.unanswerable - faded.refused <= fresh.unanswerable - fresh.refused


SAID = [
    Turn(text="I collect fossils, the shelf is full.", name="Ann", time=NOW - 40 * DAY),
    Turn(text="How lovely. Where do you keep them?", name="Ben", time=NOW - 40 * DAY + 9),
    Turn(text="I want to sell the old kayak to a student.", name="Ben", time=NOW - 20 * DAY),
]


def test_what_another_person_said_is_not_quoted_but_offered(memory: OpticalMemory) -> None:
    memory.append(SCOPE, SAID)
    assert memory.answer(SCOPE, "What does Ann collect?").text == SAID[0].text
    other = memory.answer(SCOPE, "What does Ben collect?")
    assert is_unknown(other)
    assert other.nearest[0].text == SAID[0].text
    assert other.nearest[0].why


def test_what_says_the_name_itself_may_be_quoted(memory: OpticalMemory) -> None:
    told = Turn(text="Ann restores clocks for a living.", name="Ben", time=NOW - 9 * DAY)
    memory.append(SCOPE, [*SAID, told])
    assert memory.answer(SCOPE, "What does Ann restore?").text == told.text


def test_what_was_said_at_another_time_is_not_quoted(memory: OpticalMemory) -> None:
    memory.append(SCOPE, SAID)
    assert memory.answer(SCOPE, "What did Ben sell three weeks ago?").known
    assert is_unknown(memory.answer(SCOPE, "What did Ben sell yesterday?"))
    assert not is_unknown(memory.answer(SCOPE, "What did Ben sell?"))
