"""Sentences, and which of them match a question."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimem.memory.recall.snippets import (
    MAX_LENGTH,
    Snippet,
    best_snippet,
    narrow,
    sentences,
    strip,
    widen,
)
from optimem.text.terms import terms


def length(start: int, end: int) -> int:
    return end - start


def split(text: str) -> list[str]:
    return [text[start:end].strip() for start, end in sentences(text)]


def weighed(question: str) -> dict[int, float]:
    return dict.fromkeys(terms(question), 1.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is 1.22. So be it!", ["It is 1.22.", "So be it!"]),
        ("Ask Dr. Okonkwo, Ms. Halvorsen or J. Roe. Now.",
         ["Ask Dr. Okonkwo, Ms. Halvorsen or J. Roe.", "Now."]),
        ("“Do cats eat bats?” she said. Yes.", ["“Do cats eat bats?”", "she said.", "Yes."]),
        ("one\ntwo\n\nthree", ["one", "two", "three"]),
        ("港は六。次は七。", ["港は六。", "次は七。"]),
        ("", [""]),
    ],
)  # fmt: skip
def test_sentences(text: str, expected: list[str]) -> None:
    assert split(text) == expected


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("ab .?!\n。”\ufffd"), max_size=1200))
def test_sentences_are_the_whole_text_and_none_is_long(text: str) -> None:
    found = sentences(text)
    assert "".join(text[start:end] for start, end in found) == text
    assert all(end - start <= MAX_LENGTH for start, end in found)


def test_the_shortest_stretch_that_holds_most_of_the_question() -> None:
    text = "The sea was calm. The port is 6543. It is for staging. The port of Oslo is far."
    found = best_snippet(text, weighed("which port does staging use?"))
    assert text[found.start : found.end].strip() == "The port is 6543. It is for staging."
    assert found.share == pytest.approx(2 / 3)  # nothing says "use"


def test_what_only_asks_counts_half_and_what_answers_whole() -> None:
    question = weighed("Which port does staging use?")
    asked = best_snippet("Which port does staging use?", question)
    assert asked.share == pytest.approx(0.5)
    text = "Which port does staging use? Staging uses port 6543."
    found = best_snippet(text, question)
    assert text[found.start : found.end] == "Staging uses port 6543."
    assert found.share == pytest.approx(1)


def test_a_question_of_function_words_matches_nothing() -> None:
    assert best_snippet("What is it about?", weighed("What is it about?")).share == 0


def test_widening_takes_whole_sentences_after_then_before() -> None:
    text = "First one. Second one. Third one. Fourth one."
    core = Snippet(11, 23, 1.0)
    assert text[core.start : core.end] == "Second one. "
    shown = {room: text[slice(*widen(text, core, room, length)[:2])] for room in (0, 23, 34, 45)}
    assert shown == {
        0: "Second one.",
        23: "Second one. Third one.",
        34: "Second one. Third one. Fourth one.",
        45: text,
    }


def test_narrowing_ends_within_the_room_or_at_one_character() -> None:
    assert narrow(Snippet(0, 200, 1.0), 50, length).end <= 50
    assert narrow(Snippet(0, 200, 1.0), 0, length).end == 1
    assert strip("  a ", Snippet(0, 4, 0.5)) == (2, 3, 0.5)
