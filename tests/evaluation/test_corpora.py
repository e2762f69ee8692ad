"""Texts are named as given; controlled ones come from a seed."""

from pathlib import Path

import pytest

from optimem.errors import InputError, SampleError, TextError
from optimem.evaluation.corpora import (
    LONGEST_NAME,
    controlled_corpora,
    path_name,
    read_corpora,
)
from tests.evaluation.small import PROSE


def test_texts_are_named_as_given_and_duplicates_are_numbered(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("Just prose.")
    given = path_name(str(path))
    corpora = read_corpora([str(path), f"log={path}"] * 2)
    assert [corpus.name for corpus in corpora] == [given, "log", f"{given} 2", "log 2"]
    odd = tmp_path / "a=b.txt"
    odd.write_text("Just prose.")
    corpora = read_corpora([f"prose 2={odd}", str(odd)])
    assert [corpus.name for corpus in corpora] == ["prose 2", path_name(str(odd))]
    for name in ("", "a|b", "a\nb", "x" * 41, " ", "a/b"):
        with pytest.raises(InputError, match="cannot name a text"):
            read_corpora([f"{name}={odd}"])


def test_a_path_stays_a_line_of_a_table() -> None:
    assert path_name("src/app.py") == "src/app.py"
    assert path_name("a|b\n\x1b[1mc.txt") == "a?b?[1mc.txt"
    deep = "/home/ann/" + "deeper/" * 9 + "notes.txt"
    assert path_name(deep) == "…/" + "deeper/" * 4 + "notes.txt"
    assert path_name("x" * 99) == "…" + "x" * (LONGEST_NAME - 1)


def test_what_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for data, error, message in (
        (b"caf\xe9", TextError, "byte 3 is 0xe9; convert it first"),
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


def test_controlled_corpora_come_from_the_seed() -> None:
    first = controlled_corpora(1, 500, PROSE.text)
    assert first == controlled_corpora(1, 500, PROSE.text)
    assert first != controlled_corpora(2, 500, PROSE.text)
    assert all(len(corpus.text) == 500 and corpus.controlled for corpus in first)
    assert sorted(first[0].text) == sorted(PROSE.text[:500])
    (hex_corpus,) = (corpus for corpus in first if corpus.name == "hex")
    assert set(hex_corpus.text) <= set("0123456789abcdef \n")


def test_controlled_corpora_need_no_source() -> None:
    shuffled, words, *_ = controlled_corpora(1, 500)
    assert set(shuffled.text + words.text) <= set("abcdefghijklmnopqrstuvwxyz \n")
