"""What a question asks for, and whether a text names one."""

import pytest

from optimem.text.answer_types import AnswerType, asked_for, holds


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How many people came?", AnswerType.NUMBER),
        ("How much did it cost?", AnswerType.NUMBER),
        ("When did it close?", AnswerType.TIME),
        ("On which day is it closed?", AnswerType.TIME),
        ("At what time do we leave?", AnswerType.TIME),
        ("Where did she run?", AnswerType.PLACE),
        ("In which city was it?", AnswerType.PLACE),
        ("Who comes?", AnswerType.PERSON),
        ("What is the name of the dog?", AnswerType.NAME),
        ("What is she allergic to?", None),
    ],
)
def test_what_is_asked_for(question: str, kind: AnswerType | None) -> None:
    assert asked_for(question) == kind


@pytest.mark.parametrize(
    ("kind", "text", "held"),
    [
        (AnswerType.NUMBER, "about sixty", True),
        (AnswerType.NUMBER, "port 6543", True),
        (AnswerType.NUMBER, "nothing of the sort", False),
        (AnswerType.TIME, "yesterday at noon", True),
        (AnswerType.TIME, "it closes at 8", True),
        (AnswerType.TIME, "it may be so, I marched", False),
        (AnswerType.PLACE, "it was near the station", True),
        (AnswerType.PLACE, "He ran.", False),
        (AnswerType.PLACE, "Dreams don't move by themselves.", False),
        (AnswerType.PLACE, "I dream of moving to Patagonia.", True),
        (AnswerType.PERSON, "My neighbour did.", True),
        (AnswerType.PERSON, "We asked Halvorsen to come.", True),
        (AnswerType.PERSON, "Tilda, I think.", True),
        (AnswerType.PERSON, "We asked Ann to come.", False),  # as the question did
        (AnswerType.PERSON, "Nothing was said. But I'm tired.", False),
    ],
)
def test_whether_a_text_names_one(kind: AnswerType, text: str, held: bool) -> None:
    assert holds(kind, text, "Whom did Ann ask?") == held


def test_a_number_that_was_asked_with_or_that_says_when_is_none() -> None:
    question = "How long did she take for the half marathon?"
    assert not holds(AnswerType.NUMBER, "Two weeks ago I ran the half marathon.", question)
    assert holds(AnswerType.NUMBER, "Two weeks ago I ran for two hours.", question)
