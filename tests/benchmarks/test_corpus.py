"""The benchmark of corpora, with its engines' costs made up."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import corpus
from benchmarks.corpus import Cost, main, overhead, write_documents


def test_documents_are_all_different_and_of_one_page(tmp_path: Path) -> None:
    texts = write_documents(tmp_path / "in", 100)
    assert len(set(texts.values())) == 100
    assert max(map(len, texts.values())) < 12_800
    assert {path.name: path.read_text() for path in (tmp_path / "in").iterdir()} == texts


def test_what_starting_costs_is_told_apart_from_what_a_document_costs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def cost(source: Path, out: Path, engine: str, tier: str) -> Cost:
        documents = len(list(source.iterdir()))
        start, each = {"local": (5.0, 0.1), "ray": (15.0, 0.11)}[engine]
        return Cost(start + each * documents, 2 * start + each * documents)

    monkeypatch.setattr(corpus, "run_cost", cost)
    overhead(100, "tiny", 2)
    printed = capsys.readouterr().out
    assert "| a document on top | CPU seconds | 0.100 | 0.110 | 1.10 |" in printed
    assert "| start, with 16 documents | seconds | 11.600 | 31.760 | 2.74 |" in printed


def test_the_command_fails_if_a_document_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    given = list[Any]()

    def killed(documents: int, tier: object) -> int:
        given.append(documents)
        return len(given) - 1

    monkeypatch.setattr(corpus, "killed", killed)
    assert main(["killed", "--documents", "7"]) == 0
    assert main(["killed", "--documents", "7"]) == 1
    with pytest.raises(SystemExit):
        main(["kiled"])
