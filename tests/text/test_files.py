"""Text files, whole or refused."""

import lzma
from pathlib import Path

import pytest

from optimem.errors import InputError, TextError
from optimem.text.files import decode_text, read_text_file


def test_plain_and_packed_files_without_document_separators(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("naïve\n\f\n漢字", "utf-8")
    (tmp_path / "a.txt.xz").write_bytes(lzma.compress((tmp_path / "a.txt").read_bytes()))
    assert read_text_file(tmp_path / "a.txt") == "naïve\n漢字"
    assert read_text_file(tmp_path / "a.txt.xz") == "naïve\n漢字"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.txt", b"caf\xe9", "byte 3 is 0xe9; convert it first"),
        ("a.xz", b"plain", r"a\.xz is not an \.xz file"),
    ],
)
def test_what_is_not_text_is_named(name: str, data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(TextError, match=message):
        read_text_file(tmp_path / name)


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*: No such file"):
        read_text_file(tmp_path / "missing.txt")
    with pytest.raises(InputError, match="Is a directory"):
        read_text_file(tmp_path)


def test_the_remedy_is_the_callers() -> None:
    assert decode_text(b"abc", "standard input") == "abc"
    with pytest.raises(TextError, match=r"standard input is not UTF-8.*, or ring the bell"):
        decode_text(b"\xff", "standard input", "ring the bell")
