"""Tokens of the vocabularies at hand, beside the bounds that stand for them where they are not."""

from pathlib import Path

import pytest

from benchmarks.tokens import VOCABULARIES, share
from optimem.prompts.counting import ESTIMATES

FILES = ("README.md", "CHANGELOG.md", "optimem/prompts/forms.py", "pyproject.toml")


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize("name", FILES)
def test_the_bounds_hold_for_this_repository(name: str, vocabulary: str) -> None:
    text = (Path(__file__).parents[2] / name).read_text("utf-8")
    bounds = ESTIMATES[vocabulary]
    assert bounds.least <= share(text, vocabulary) <= bounds.most
