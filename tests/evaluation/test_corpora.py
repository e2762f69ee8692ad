"""Texts are named by their kind; controlled ones come from a seed."""

import time
from pathlib import Path

import pytest

from optimem.errors import InputError, SampleError, TextError
from optimem.evaluation.corpora import classify, controlled_corpora, read_corpora
from tests.evaluation.small import PROSE


def test_texts_are_classified_by_name_and_lines() -> None:
    assert classify("a.py", "import os") == "code"
    assert classify("a.txt", "user: hi\nassistant: hello\n") == "chat"
    assert classify("a.txt", "| a | b |\n|---|---|\n| 1 | 2 |\n") == "tables"
    assert classify("a.txt", "Это проза на другом языке.") == "mixed scripts"
    assert classify("a.txt", "Just prose, nothing else.") == "prose"


def test_a_kind_can_be_named_and_duplicates_are_numbered(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Just prose.")
    corpora = read_corpora([str(tmp_path / "a.txt"), f"log={tmp_path / 'a.txt'}"] * 2)
    assert [corpus.kind for corpus in corpora] == ["prose", "log", "prose 2", "log 2"]
    odd = tmp_path / "a=b.txt"
    odd.write_text("Just prose.")
    corpora = read_corpora([f"prose 2={odd}", str(odd), str(odd)])
    assert [corpus.kind for corpus in corpora] == ["prose 2", "prose", "prose 3"]
    for kind in ("", "a|b", "a\nb", "x" * 41, " ", "a/b"):
        with pytest.raises(InputError, match="cannot name a kind"):
            read_corpora([f"{kind}={odd}"])


def test_what_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for data, error, message in (
        (b"caf\xe9", TextError, "byte 3 is 0xe9; convert it first"),
        (b"a\0b", TextError, "character 1 is U\\+0000"),
        (b" \n", SampleError, "is empty"),
    ):
        path.write_bytes(data)
        with pytest.raises(error, match=message):
            read_corpora([str(path)])
    path.rename(tmp_path / "a.xz")
    with pytest.raises(TextError, match=r"not an \.xz file"):
        read_corpora([str(tmp_path / "a.xz")])
    with pytest.raises(InputError, match="Is a directory; give a text file"):
        read_corpora([str(tmp_path)])
    with pytest.raises(InputError, match="No such file"):
        read_corpora([str(path)])


def test_countless_blank_lines_are_classified_at_once() -> None:
    started = time.perf_counter()
    assert classify("a.txt", "\n" * 200_000 + "Just prose.") == "prose"
    assert time.perf_counter() - started < 5  # a scan of what follows each line takes minutes


def test_controlled_corpora_come_from_the_seed() -> None:
    first = controlled_corpora(1, 500, PROSE.text)
    assert first == controlled_corpora(1, 500, PROSE.text)
    assert first != controlled_corpora(2, 500, PROSE.text)
    assert all(len(corpus.text) == 500 and corpus.controlled for corpus in first)
    assert sorted(first[0].text) == sorted(PROSE.text[:500])
    (hex_corpus,) = (corpus for corpus in first if corpus.kind == "hex")
    assert set(hex_corpus.text) <= set("0123456789abcdef \n")


def test_controlled_corpora_need_no_source() -> None:
    shuffled, words, *_ = controlled_corpora(1, 500)
    assert set(shuffled.text + words.text) <= set("abcdefghijklmnopqrstuvwxyz \n")
