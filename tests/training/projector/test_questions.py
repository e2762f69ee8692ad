"""Questions made from a text: the text answers them, and wrong answers are wrong."""

import numpy as np
import pytest

from optimem.training.projector.questions import CHOICES, Kind, after, make_question, name, value

PROSE = (
    "In the morning Maria met Peter at the station, and with Anna she took the train. "
    "Later that day, old Robert wrote to Maria about the house by the lake. "
)
KEYS = '{\n  "status": "pending",\n  "amount": 61.69,\n  "owner": "fatima",\ncity: Rome\n'


@pytest.mark.parametrize(("kind", "text"), [(after, PROSE), (name, PROSE), (value, KEYS)])
def test_each_kind_has_one_right_answer(kind: Kind, text: str) -> None:
    for seed in range(20):
        found = kind(text, np.random.default_rng(seed))
        if found is None:
            continue
        assert found.kind == kind.__name__
        assert len(set(found.choices)) == CHOICES
        assert found.choices[0] == found.answer
        assert found.answer in text
        if found.kind == "after":
            asked = found.text.split('"')[1]
            assert f"{asked} {found.answer}" in text
        if found.kind == "value":
            key = found.text.split('"')[1]
            assert found.answer in text.split(key)[1].split("\n")[0]
        if found.kind == "name":
            before, behind = found.text.split('"')[1].split("___")
            assert before + found.answer + behind in text


def test_some_question_is_found_for_most_texts() -> None:
    found = [make_question(PROSE, np.random.default_rng(seed)) for seed in range(20)]
    assert {each.kind for each in found if each} == {"after", "name"}


@pytest.mark.parametrize("text", ["", " \n", "one two three", "漢" * 50, "a: \nb: \n"])
def test_texts_with_too_little_have_none(text: str) -> None:
    assert make_question(text, np.random.default_rng(0)) is None
