"""The table of words that mean much the same: which words are in it, and which lie near."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from optimem.errors import InputError
from optimem.text.terms import terms
from optimem.training import alike
from optimem.training.alike import Word, choose_words, make, nearest
from tests.memory.embedders import WordModel

TEXTS = [
    "A hound runs. Hounds run! " * 9 + "once " * 3 + "qqx " * 20,
    "The hounds; a puppy. dog " * 9,
]


def test_words_that_several_texts_hold_are_chosen_once_in_their_commonest_form() -> None:
    words = choose_words([*TEXTS, "A dog. A puppy, a puppy."])
    assert [word.text for word in words] == ["hounds", "puppy", "dog"]  # "run" stands in one text
    assert [word.term for word in words] == [terms(word.text)[0] for word in words]
    assert words[0].bits < words[1].bits < words[2].bits < 10


def test_the_nearest_words_come_first_with_how_near_they_are() -> None:
    words = [Word(str(at), 100 - at, float(at)) for at in range(4)]
    angles = np.array([0.0, 0.3, math.pi, math.pi + 0.9])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    table = nearest(words, vectors)
    assert table["term"].tolist() == [97, 98, 99, 100]
    assert table["bits"].tolist() == [24, 16, 8, 0]
    assert table["near"][:, 0].tolist() == [1, 0, 3, 2]
    assert (table["share"][:, 0] > 0).all()
    assert (table["share"][:, 1:] == 0).all()


def test_texts_without_a_word_in_common_are_refused() -> None:
    with pytest.raises(InputError, match="2 texts have 0 frequent words in common; give at least"):
        make(["hound " * 20, "kettle " * 20], WordModel())


def test_the_command_writes_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for at in range(2):
        (tmp_path / f"{at}.txt").write_text("puppy dog kettle " * 8)
    monkeypatch.setattr(alike, "MiniLM", WordModel)
    out = tmp_path / "alike.npy"
    texts = [str(tmp_path / f"{at}.txt") for at in range(2)]
    monkeypatch.setattr(sys, "argv", ["alike", *texts, "--out", str(out)])
    alike.main()
    table = np.load(out)
    assert "3 words" in capsys.readouterr().out
    by_term = {int(row["term"]): row for row in table}
    puppy, dog = terms("puppy")[0], terms("dog")[0]  # one direction, to this model
    assert int(table["term"][by_term[puppy]["near"][0]]) == dog
    assert by_term[puppy]["share"][0] > by_term[puppy]["share"][1]
