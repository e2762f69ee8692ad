"""Short turns are embedded together, long ones in parts, and nothing across a pause."""

from optimem.memory.recall.indexed_turns import PAUSE
from optimem.memory.recall.retrieval import IndexRow
from optimem.memory.recall.stretches import LEAST, MOST, Stretch, stretches

HALF = "a" * (LEAST // 2 + 1)


def test_short_turns_are_one_passage_until_it_is_long_enough() -> None:
    rows = [IndexRow(at, HALF) for at in range(5)]
    assert [(each.first, each.last) for each in stretches(rows)] == [(0, 1), (2, 3), (4, 4)]
    assert stretches(rows)[0].text == f"{HALF}\n{HALF}"


def test_a_long_turn_takes_no_short_one() -> None:
    rows = [IndexRow(0, "yes"), IndexRow(1, HALF * 2), IndexRow(2, "no"), IndexRow(3, "maybe")]
    assert [(each.first, each.last) for each in stretches(rows)] == [(0, 0), (1, 1), (2, 3)]


def test_a_pause_parts_what_is_known_to_be_apart() -> None:
    rows = [IndexRow(0, "hi", 100.0), IndexRow(1, "ho", 100.0 + PAUSE), IndexRow(2, "x", 1e9)]
    assert [(each.first, each.last) for each in stretches(rows)] == [(0, 1), (2, 2)]
    undated = [IndexRow(0, "hi"), IndexRow(1, "ho")]
    assert stretches(undated) == [Stretch(0, 1, "hi\nho")]


def test_a_long_turn_is_several_passages_of_much_the_same_size() -> None:
    text = "".join(map(str, range(1200)))
    parts = stretches([IndexRow(7, text)])
    assert "".join(part.text for part in parts) == text
    assert {(part.first, part.last) for part in parts} == {(7, 7)}
    assert max(map(len, (part.text for part in parts))) <= MOST
    assert len(parts) == -(-len(text) // MOST)


def test_what_says_nothing_and_cannot_be_read_is_left_out() -> None:
    assert stretches([]) == []
    assert stretches([IndexRow(0, ""), IndexRow(1, " …\n"), IndexRow(2, "\ufffd" * 40)]) == []
    (one,) = stretches([IndexRow(0, "the \ufffd\ufffdport")])
    assert one.text == "the port"
