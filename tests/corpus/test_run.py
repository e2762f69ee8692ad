"""A run in terms of its engine: each document once, changed ones anew, bad ones named."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from optimem import Corpus, encode_corpus
from optimem.corpus import run
from optimem.corpus.encoding import CorpusEncoder, Outcome, Recipe, Task, batched
from optimem.corpus.shards import load_manifest
from optimem.errors import FingerprintError, InputError, MissingExtraError
from optimem.testing import plain_codec
from tests.corpus.workers import other_codec, read_all, write_texts


class HereEngine:
    """Workers that are this process. `fail_after`: as many outcomes, something goes wrong."""

    fail_after = -1

    def __init__(self, workers: int | None = None) -> None:
        pass

    def encode(self, recipe: Recipe, tasks: Sequence[Task]) -> Iterator[Outcome]:
        encoder, done = CorpusEncoder(recipe), 0
        for batch in batched(tasks):
            for outcome in encoder.encode(batch):
                if done == self.fail_after:
                    raise OSError("something went wrong")
                yield outcome
                done += 1


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "LocalEngine", HereEngine)


def bad(out: Path) -> dict[str, str]:
    lines = (out / "bad.jsonl").read_text().splitlines()
    return {each["id"]: each["reason"] for each in map(json.loads, lines)}


def test_a_second_run_encodes_what_is_new_or_changed(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    texts = write_texts(source, 50)
    first = encode_corpus(source, out, codec=plain_codec)
    assert (first.documents, first.encoded, first.unchanged) == (50, 50, 0)
    again = encode_corpus(source, out, codec=plain_codec)
    assert (again.encoded, again.unchanged, again.shards) == (0, 50, 1)
    (source / "new.txt").write_text("new")
    (source / "0/00000.txt").write_text("changed")
    (source / "1/00001.txt").write_text(texts["1/00001.txt"])  # touched
    last = encode_corpus(source, out, codec=plain_codec)
    assert (last.documents, last.encoded, last.unchanged) == (51, 2, 49)
    read = dict(Corpus.load(out).read(codec=plain_codec()))
    assert read == texts | {"new.txt": "new", "0/00000.txt": "changed"}


def test_rows_are_encoded_once_whatever_is_appended(tmp_path: Path) -> None:
    source, out = tmp_path / "list.jsonl", tmp_path / "out"
    source.write_text("".join(json.dumps({"id": n, "text": f"row {n}"}) + "\n" for n in range(9)))
    assert encode_corpus(source, out, codec=plain_codec).encoded == 9
    with source.open("a") as file:
        file.write('{"id": 9, "text": "row 9"}\n')
    report = encode_corpus(source, out, codec=plain_codec)
    assert (report.encoded, report.unchanged) == (1, 9)
    assert dict(read_all(out)) == {str(n): f"row {n}" for n in range(10)}


def test_ids_that_come_twice(tmp_path: Path) -> None:
    rows = [{"id": "a", "text": "one"}, {"id": "a", "text": "one"}, {"id": "a", "text": "two"}]
    (source := tmp_path / "list.jsonl").write_text("\n".join(map(json.dumps, rows)))
    report = encode_corpus(source, tmp_path / "out", codec=plain_codec)
    assert (report.documents, report.encoded, report.bad, report.unchanged) == (2, 1, 1, 0)
    assert bad(tmp_path / "out") == {"a": "another document has this id; give each its own"}
    assert dict(read_all(tmp_path / "out")) == {"a": "one"}


def test_bad_documents_are_tried_again_once_they_are_mended(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    write_texts(source, 5)
    (source / "bad.txt").write_bytes(b"\xff")
    report = encode_corpus(source, out, codec=plain_codec)
    assert (report.documents, report.encoded, report.bad) == (6, 5, 1)
    assert "not UTF-8" in bad(out)["bad.txt"]
    (source / "bad.txt").write_text("mended")
    report = encode_corpus(source, out, codec=plain_codec)
    assert (report.encoded, report.bad) == (1, 0)
    assert not (out / "bad.jsonl").exists()


def test_what_was_encoded_before_an_error_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = write_texts(tmp_path / "in", 50)
    monkeypatch.setattr(HereEngine, "fail_after", 20)
    with pytest.raises(OSError, match="something went wrong"):
        encode_corpus(tmp_path / "in", tmp_path / "out", codec=plain_codec)
    assert len(list(read_all(tmp_path / "out"))) == 20
    monkeypatch.setattr(HereEngine, "fail_after", -1)
    assert encode_corpus(tmp_path / "in", tmp_path / "out", codec=plain_codec).encoded == 30
    assert dict(read_all(tmp_path / "out")) == texts


@pytest.mark.parametrize(
    ("name", "most"), [("SHARD_DOCUMENTS", 16), ("SHARD_BYTES", 500), ("SHARD_SECONDS", 0)]
)
def test_shards_are_cut_by_documents_bytes_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    monkeypatch.setattr(run, name, most)
    texts = write_texts(tmp_path / "in", 40)
    done = list[tuple[int, int]]()
    report = encode_corpus(
        tmp_path / "in", tmp_path / "out", codec=plain_codec,
        progress=lambda count, total: done.append((count, total)),
    )  # fmt: skip
    assert report.shards == len(load_manifest(tmp_path / "out").shards) >= 3
    assert dict(read_all(tmp_path / "out")) == texts
    assert done == [(n, 40) for n in range(41)]


def test_another_encoder_does_not_add_to_a_corpus(tmp_path: Path) -> None:
    write_texts(tmp_path / "in", 3)
    encode_corpus(tmp_path / "in", tmp_path / "out", codec=plain_codec)
    write_texts(tmp_path / "in", 4)
    with pytest.raises(FingerprintError, match="encode into another folder"):
        encode_corpus(tmp_path / "in", tmp_path / "out", codec=other_codec)


def test_what_lies_in_the_source_is_no_place_for_the_corpus(tmp_path: Path) -> None:
    write_texts(tmp_path / "in", 3)
    for out in (tmp_path / "in", tmp_path / "in" / "out"):
        with pytest.raises(InputError, match="lies in"):
            encode_corpus(tmp_path / "in", out, codec=plain_codec)
    with pytest.raises(InputError, match="is not there"):
        encode_corpus(tmp_path / "nothing", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_is_an_empty_corpus(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert encode_corpus(tmp_path / "in", tmp_path / "out").documents == 0
    assert len(Corpus.load(tmp_path / "out")) == 0


def test_without_ray_its_engine_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    write_texts(tmp_path / "in", 3)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"optimem\[ray\]"):
        encode_corpus(tmp_path / "in", tmp_path / "out", engine="ray", codec=plain_codec)
