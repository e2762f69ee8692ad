"""Results survive an interruption, and only their own run takes them up."""

import json
from pathlib import Path

import pytest

from optimem.errors import ResumeError
from optimem.evaluation.journal import NAME, Journal

IDENTITY = {"seed": 0, "ratios": (5, 10)}


def test_results_are_there_for_the_next_run(tmp_path: Path) -> None:
    Journal(tmp_path / "deep" / "er", IDENTITY).add("score/prose/5×", {"right": (1, 2)})
    resumed = Journal(tmp_path / "deep" / "er", IDENTITY)
    assert resumed.results == {"score/prose/5×": {"right": [1, 2]}}


def test_without_a_folder_results_stay_in_memory() -> None:
    journal = Journal(None, IDENTITY)
    journal.add("a", {1: (2,)})
    assert journal.results == {"a": {"1": [2]}}


def test_a_line_cut_short_is_dropped(tmp_path: Path) -> None:
    Journal(tmp_path, IDENTITY).add("a", 1)
    with (tmp_path / NAME).open("a") as file:
        file.write('{"part": "b", "res')
    assert Journal(tmp_path, IDENTITY).results == {"a": 1}
    lines = (tmp_path / NAME).read_text().splitlines()
    assert [json.loads(line).get("part") for line in lines] == [None, "a"]


def test_another_runs_results_are_refused(tmp_path: Path) -> None:
    Journal(tmp_path, IDENTITY)
    with pytest.raises(ResumeError, match=r"another run \(different: seed\)"):
        Journal(tmp_path, {**IDENTITY, "seed": 1})


@pytest.mark.parametrize("content", ["notes, no results\n", "[1]\n", "\n"])
def test_a_file_that_holds_no_results_is_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / NAME).write_text(content)
    with pytest.raises(ResumeError, match="not a file of results"):
        Journal(tmp_path, IDENTITY)
    assert (tmp_path / NAME).read_text() == content
    with pytest.raises(ResumeError, match="choose another folder"):
        Journal(tmp_path / NAME / "deeper", IDENTITY)
