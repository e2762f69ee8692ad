"""What there is in folders, lists of JSON lines, and Parquet, and what is wrong with it."""

import json
import os
from pathlib import Path

import pyarrow as arrow
import pytest
from pyarrow import parquet

from optimem.corpus.documents import Bad, Document, Fields, digest, list_documents, read_content
from optimem.errors import InputError


def listed(source: Path, fields: Fields | None = None) -> list[Document]:
    found = list(list_documents(source, fields))
    assert all(isinstance(each, Document) for each in found), found
    return [each for each in found if isinstance(each, Document)]


def bad(source: Path, fields: Fields | None = None) -> list[Bad]:
    return [each for each in list_documents(source, fields) if isinstance(each, Bad)]


def test_a_folder_is_its_files_by_their_paths_in_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.txt", "a/b.txt", "a/c/d.txt", ".hidden", ".git/config"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    found = listed(tmp_path)
    assert [each.id for each in found] == ["b.txt", "a/b.txt", "a/z.txt", "a/c/d.txt"]
    assert [read_content(each).decode() for each in found] == [each.id for each in found]


def test_the_mark_of_a_file_changes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")
    (before,) = listed(tmp_path)
    os.utime(path, ns=(1, 1))
    (touched,) = listed(tmp_path)
    path.write_text("other")
    (longer,) = listed(path)
    assert len({before.mark, touched.mark, longer.mark}) == 3
    assert (before.size, longer.size) == (3, 5)


def test_what_is_no_file_is_bad_and_the_rest_is_listed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).write_text("x")
    found = list(list_documents(tmp_path))
    assert [each.id for each in found if isinstance(each, Document)] == ["a.txt"]
    reasons = {each.id: each.reason for each in found if isinstance(each, Bad)}
    assert "No such file" in reasons["gone"]
    assert "neither a file" in reasons["pipe"]
    assert "not UTF-8" in reasons["�.txt"]


def test_rows_of_json_lines_are_texts_or_paths_with_ids(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("of a file")
    rows = [{"text": "é one", "id": "x"}, {"text": "two"}, {"path": "a.txt"},
            {"path": "a.txt", "id": 7}]  # fmt: skip
    lines = "\n".join(["", *(json.dumps(row, ensure_ascii=False) for row in rows)])
    (source := tmp_path / "list.jsonl").write_text(lines)
    found = listed(source)
    assert [each.id for each in found] == ["x", "list.jsonl:3", "a.txt", "7"]
    read = [read_content(each).decode() for each in found]
    assert read == ["é one", "two", "of a file", "of a file"]
    assert found[0].mark == digest("é one".encode())


def test_fields_may_have_other_names(tmp_path: Path) -> None:
    (source := tmp_path / "list.ndjson").write_text('{"body": "b", "url": "u", "text": "not this"}')
    (found,) = listed(source, Fields("body", "file", "url"))
    assert (found.id, read_content(found)) == ("u", b"b")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "Expecting"),
        (b'"a string"', "not a JSON object"),
        (b'{"other": 1}', "neither 'text' nor 'path'"),
        (b'{"text": 5}', "neither 'text' nor 'path'"),
        (b'{"text": "\xff"}', "not UTF-8"),
        (b'{"text": "\\ud800"}', "surrogate"),
        (b'{"text": "a", "id": "\\ud800"}', "surrogate"),
        (b'{"path": "\\u0000"}', "neither 'text' nor 'path'"),
        (b'{"path": "not-there.txt"}', "No such file"),
        (b"[" * 100_000, "no document"),
    ],
)
def test_a_row_that_is_no_document_is_bad_and_the_next_is_read(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    (source := tmp_path / "list.jsonl").write_bytes(line + b'\n{"text": "good", "id": "g"}\n')
    first, second = list_documents(source)
    assert isinstance(first, Bad)
    assert reason in first.reason
    assert isinstance(second, Document)
    assert second.id == "g"


def test_rows_of_parquet_are_read_group_by_group(tmp_path: Path) -> None:
    texts = [f"text {n}" for n in range(10)]
    table = arrow.table({"text": [*texts[:-1], None], "id": list(range(10)), "n": [0] * 10})
    parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=4)
    found = list(list_documents(tmp_path / "rows.parquet"))
    assert [each.id for each in found] == [*map(str, range(9)), "rows.parquet:10"]
    assert isinstance(found[-1], Bad)
    read = [read_content(each).decode() for each in found if isinstance(each, Document)]
    assert read == texts[:-1]


def test_parquet_that_is_none_or_lacks_the_columns_is_refused(tmp_path: Path) -> None:
    (wrong := tmp_path / "wrong.parquet").write_bytes(b"no parquet")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        list(list_documents(wrong))
    parquet.write_table(arrow.table({"body": ["b"]}), tmp_path / "rows.parquet")
    with pytest.raises(InputError, match="but body; name them"):
        list(list_documents(tmp_path / "rows.parquet"))


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not there"):
        list_documents(tmp_path / "nothing")


def test_a_row_that_is_gone_cannot_be_read(tmp_path: Path) -> None:
    (source := tmp_path / "list.jsonl").write_text('{"text": "one"}\n{"text": "two"}\n')
    found = listed(source)
    source.write_text("")
    with pytest.raises(InputError, match="cannot be read"):
        read_content(found[1])
