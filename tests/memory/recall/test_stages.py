"""What turns are found by: words, the words around them, who spoke, and when; results say so."""

from datetime import UTC, datetime

import numpy as np
import pytest

from optimem import OpticalMemory
from optimem.errors import InputError
from optimem.memory.recall import stages
from optimem.memory.recall.retrieval import IndexRow, TurnRanker, index_page
from optimem.memory.recall.stages import (
    STAGES,
    Dates,
    Query,
    Speakers,
    Words,
    WordsAlike,
    find,
    nearness,
    sought_terms,
)
from optimem.testing import open_memory
from optimem.text.dates import DateSpan
from optimem.text.terms import terms
from optimem.turns import Turn
from tests.memory.factories import SCOPE

MAY = datetime(2023, 5, 8, 18, tzinfo=UTC).timestamp()
DAY, HOUR = 86_400.0, 3600.0
SAID = [
    IndexRow(0, "Hey Ann, what do you collect?", MAY, "Ben Ali"),
    IndexRow(1, "Fossils. The shelf is full.", MAY + 10, "Ann"),
    IndexRow(2, "I collect stamps, Ann.", MAY + 20, "Ben Ali"),
    IndexRow(3, "Rain again.", MAY + 9 * DAY, "Ann"),
    IndexRow(4, "The bus was late.", MAY + 9 * DAY + 10, "Ben Ali"),
]


def ranker(rows: list[IndexRow] = SAID) -> TurnRanker:
    return TurnRanker.of([index_page(rows[:2]), index_page(rows[2:])])


def ask(text: str, now: float = MAY + 10 * DAY) -> Query:
    return Query(text, now, ranker())


def found(text: str, now: float = MAY + 10 * DAY) -> list[int]:
    every = np.ones(len(SAID), bool)
    return [hit.number for hit in find(ask(text, now)).best(9, every)]


def test_a_window_holds_the_words_of_its_neighbours_of_one_occasion() -> None:
    alone, around = (Words(windows=w).scores(ask("stamps")) > 0 for w in (False, True))
    assert alone.tolist() == [False, False, True, False, False]
    assert around.tolist() == [False, True, True, False, False]
    assert Words(windows=True).scores(ask("rain"))[2] == 0  # nine days lie between
    assert Words(windows=True).scores(ask("rain"))[4] > 0


def test_a_turn_is_found_in_other_words_and_the_reason_names_the_word_that_was_asked() -> None:
    with open_memory() as memory:
        for text in ("Rain again.", "My car is an ancient Volvo.", "We had soup."):
            memory.append(SCOPE, Turn(text=text, name="Ann"))
        (best, *rest) = memory.recall(SCOPE, "Which vehicle does Ann drive?")
    assert best.text == "My car is an ancient Volvo."
    assert "words alike: vehicle, drive" in best.reasons
    assert "words: " not in best.reasons
    assert all("words alike" not in each.reasons for each in rest)


def test_the_very_word_counts_more_than_one_that_means_much_the_same() -> None:
    rows = [IndexRow(0, "the car broke down"), IndexRow(1, "the vehicle broke down")]
    both = TurnRanker.of([index_page(rows)])
    alike = WordsAlike().scores(Query("which vehicle", 0, both))
    assert 0 < alike[0] < alike[1]
    assert Words().scores(Query("which vehicle", 0, both))[0] == 0


def test_other_words_are_sought_for_no_name_no_date_no_asking_and_in_no_long_scope(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [IndexRow(0, "hello", MAY, "Rose"), IndexRow(1, "tulips in June", MAY, "Ben")]
    query = Query("What did Rose tell us to sing in May?", MAY, TurnRanker.of([index_page(rows)]))
    assert {query.words[term] for term in query.alike} == {"sing"}
    few, many = (sought_terms("a vehicle", turns) for turns in (0, 10**6))
    assert set(terms("car")) <= few - many
    monkeypatch.setattr(stages, "MOST_ALIKE", 1)
    assert Query("a vehicle", MAY, query.ranker).alike == {}


def test_who_is_named_is_preferred_and_the_name_as_a_word_weighs_little() -> None:
    assert found("What does Ben collect?")[0] == 2
    assert found("What does Ann collect?")[0] != 3
    assert ask("what does ann collect").speakers.keys() == {"ann"}
    assert Speakers().scores(ask("What do Ann and Ali say?")).tolist() == [1, 1, 1, 1, 1]
    assert Speakers().scores(ask("What does Zoe say?")).any() == False  # noqa: E712
    assert found("Ann") == found("what did Ann say?")[: len(found("Ann"))] or 3 in found("Ann")


def test_a_question_of_nothing_but_a_person_finds_what_the_person_said() -> None:
    assert set(found("Ann?")) >= {1, 3}


def test_i_and_you_are_who_asks_and_who_is_asked() -> None:
    rows = [IndexRow(0, "a tent", 0, "", "user"), IndexRow(1, "a tent", 0, "", "assistant")]
    both = TurnRanker.of([index_page(rows)])
    for text, expected in (("my tent", [0, 1]), ("which tent did you suggest", [1, 0])):
        hits = find(Query(text, 0, both)).best(2, np.ones(2, bool))
        assert [hit.number for hit in hits] == expected


def test_a_date_finds_what_was_said_then_and_soon_after() -> None:
    assert set(found("What happened on 8 May 2023?")) >= {0, 1, 2}
    assert found("What happened on 17 May?")[:2] == [4, 3]
    assert set(found("yesterday", now=MAY + 10 * DAY)[:2]) == {3, 4}
    assert Dates().scores(ask("on 1 March 1999")).any() == False  # noqa: E712
    unknown = TurnRanker.of([index_page([(0, "old entry")])])
    assert Dates().scores(Query("in May 2023", MAY, unknown)).tolist() == [0]


def test_nearness_falls_slower_after_a_date_than_before_it() -> None:
    span = DateSpan(MAY, MAY + DAY, "then")
    near = nearness(span, np.array([MAY + 5, MAY + DAY * 3, MAY - DAY * 2, MAY + DAY * 90]))
    assert near[0] == 1
    assert near[1] > near[2] > near[3] == 0


def test_nothing_asked_and_nothing_said_find_nothing() -> None:
    assert found("what is the of") == []
    nothing = find(Query("port", 0, TurnRanker.of([])))
    assert nothing.best(5, np.zeros(0, bool)) == []


def test_every_result_says_why_it_is_there() -> None:
    (hit, *_) = find(ask("What did Ben collect on 8 May 2023?")).best(1, np.ones(5, bool))
    notes = {reason.stage: reason.note for reason in hit.why}
    assert notes["words"].split(", ")[0] in ("Ben", "collect")
    assert notes["speaker"] == "Ben"
    assert notes["date"] == "8 May 2023"
    assert hit.score == pytest.approx(sum(reason.score for reason in hit.why), abs=0.6)


def test_a_further_stage_is_one_more_object() -> None:
    class Rain:
        name, weight, selects = "weather", 5.0, True

        def scores(self, query: Query) -> np.ndarray:
            return (query.ranker.turns == 3).astype(float)

        def note(self, query: Query, at: int) -> str:
            return "rain"

    (hit,) = find(ask("stamps"), [*STAGES, Rain()]).best(1, np.ones(5, bool))
    assert (hit.number, hit.why[-1].note) == (3, "rain")


@pytest.fixture
def memory() -> OpticalMemory:
    opened = open_memory(clock=lambda: MAY + 30 * DAY)
    for row in SAID:
        opened.append(SCOPE, Turn(text=row.text, name=row.name, time=row.time, id=str(row.number)))
    return opened


def test_a_budget_also_goes_to_what_people_named_have_said(
    memory: OpticalMemory,
) -> None:
    asked: dict[str, int] = {"budget": 200, "preceding": 0, "following": 0}
    gem = "Which gem does Ann own?"  # only her name is said, in 0 and 2
    assert ids(memory.recall(SCOPE, gem, 9)) == ["2", "0"]
    assert ids(memory.recall(SCOPE, gem, **asked)) == ["1", "3", "2", "0"]
    assert ids(memory.recall(SCOPE, gem, 3, **asked)) == ["1", "2", "0"]
    assert ids(memory.recall(SCOPE, gem, until=MAY + DAY, **asked)) == ["1", "2", "0"]
    assert memory.recall(SCOPE, "Which gem does one own?", **asked) == []


def ids(turns: list) -> list[str]:
    return [turn.id for turn in turns]


@pytest.mark.parametrize("flush", [False, True])
def test_a_memory_recalls_by_speaker_date_and_time(memory: OpticalMemory, flush: bool) -> None:
    if flush:
        memory.flush(SCOPE)
    (best,) = memory.recall(SCOPE, "What does Ben collect?", 1)
    assert (best.id, best.speaker, best.whole) == ("2", "Ben Ali", True)
    assert "speaker: Ben" in best.reasons
    late = memory.recall(SCOPE, "bus collect rain", 9, since="2023-05-10")
    assert set(ids(late)) == {"3", "4"}
    assert set(ids(memory.recall(SCOPE, "bus collect rain", 9, until=MAY + 15))) == {"0"}
    assert memory.recall(SCOPE, "bus", since=MAY + 60 * DAY) == []


def test_neighbours_come_with_a_match_but_not_across_a_pause(memory: OpticalMemory) -> None:
    assert ids(memory.recall(SCOPE, "fossils", 1, preceding=1, following=1)) == ["1", "0", "2"]
    assert ids(memory.recall(SCOPE, "rain", 1, preceding=2, following=2)) == ["3", "4"]
    beside = memory.recall(SCOPE, "fossils", 1, following=1)[1]
    assert (beside.score, beside.reasons) == (0.0, "beside: 1")


@pytest.mark.parametrize(
    "given",
    [{"budget": 0}, {"budget": -1}, {"budget": 1.5}, {"preceding": -1}, {"following": "1"},
     {"since": "soon"}, {"until": float("nan")}, {"since": 5, "until": 4}],
)  # fmt: skip
def test_what_cannot_be_asked_is_named(memory: OpticalMemory, given: dict) -> None:
    with pytest.raises(InputError, match=r"since|until|budget"):
        memory.recall(SCOPE, "rain", **given)
