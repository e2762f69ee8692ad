"""What speaks for a sentence: its words, such as mean much the same, and what is said next."""

import numpy as np

from optimem.memory.answering.asked import Asked
from optimem.memory.answering.evidence import Candidate, candidates
from optimem.memory.recall.packing import Candidate as Given
from optimem.memory.recall.packing import Packed
from optimem.memory.recall.retrieval import IndexRow, TurnRanker, index_page
from optimem.memory.recall.stages import Hit, Query
from optimem.memory.recall.turn_builder import TurnBuilder, TurnPart

NOW = 1_700_000_000.0


def built(row: IndexRow) -> TurnBuilder:
    """A turn as it was said."""
    turn = TurnBuilder(row.number, str(row.number), "user", row.time, "", row.name)
    certain, no_cells = np.ones(len(row.text), np.float32), np.zeros(0, np.int64)
    turn.parts.append(TurnPart(None, None, row.text, row.text, certain, no_cells, exact=True))
    return turn


def found(question: str, *said: tuple[str, str]) -> dict[str, Candidate]:
    """The candidates of some turns, each a name and a text, by their text."""
    rows = [IndexRow(n, text, NOW + n, name, "user") for n, (name, text) in enumerate(said)]
    query = Query(question, NOW, TurnRanker.of([index_page(rows)]))
    turns = [built(row) for row in rows]
    packed = [Packed(Given(t.number, Hit(t.number, 1.0, []), 1.0), t, True) for t in turns]
    beside = {row.number: query.ranker.neighbours(row.number, 1, 1) for row in rows}
    made = candidates(Asked(query, query.ranker.weights(question)), packed, beside)
    return {
        each.found.turn.guess[each.snippet.start : each.snippet.end].strip(): each for each in made
    }


def test_words_that_mean_much_the_same_speak_for_a_sentence_but_less_than_the_same_words() -> None:
    made = found("Which vehicle is it?", ("", "My car is old."), ("", "The vehicle is old."))
    other, same = made["My car is old."].evidence, made["The vehicle is old."].evidence
    assert other.share == 0
    assert 0.3 < other.alike < same.share
    assert same.alike == 0


def test_what_somebody_else_says_next_counts_unless_they_say_it_of_themselves() -> None:
    question, told = "Which dog has Ann got?", ("Ann", "Her name is Waffles.")
    said, asked = (
        found(question, told, ("Ben", reply))[told[1]].evidence.after
        for reply in ("A dog at last!", "A dog at last?")
    )
    assert said > asked > 0
    assert told[1] not in found(question, told, ("Ben", "I had a dog, too."))
    assert told[1] not in found(question, told, ("Ann", "A dog at last!"))
