"""The table of what each tier costs."""

from pathlib import Path

from benchmarks.fidelity import measure, table, typeset
from optimem.tiers import Tier

PROSE = 'The keeper\'s log -- "eleven boats" -- was short. ' * 400


def test_typesetting_changes_punctuation_alone() -> None:
    plain = '"It\'s," he said -- \'so\' ("quoted") well-known...\n- item - x\n"\'Nested\'"'
    expected = "“It’s,” he said — ‘so’ (“quoted”) well-known…\n• item — x\n“‘Nested’”"
    assert typeset(plain) == expected


def test_every_text_is_measured_typeset_ones_and_random_ones_too(tmp_path: Path) -> None:
    (tmp_path / "log.val.txt").write_text(PROSE)
    scores = measure([tmp_path / "log.val.txt"], 1, [Tier.BASE])
    assert [score.kind for score in scores] == ["log", "typeset", "random"]
    assert all(score.right > 0.95 and 2 < score.bytes_per_byte < 5 for score in scores)
    assert all(score.right_corrected == 1 for score in scores)
    assert all(0 <= score.corrections_per_byte < 0.1 for score in scores)
    assert [len(row) for row in table(scores)] == [12] * 4
