"""Shards and their manifest: whole or not there, written by one process, refused if damaged."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from optimem.corpus.documents import Bad
from optimem.corpus.encoding import Outcome, Recipe
from optimem.corpus.shards import (
    CorpusWriter,
    Entry,
    load_manifest,
    open_for_writing,
    read_index,
    read_section,
)
from optimem.errors import (
    ChecksumError,
    FingerprintError,
    FormatError,
    InputError,
    ResumeError,
    StoreLockedError,
    VersionError,
)
from optimem.tiers import Tier

SETTINGS = Recipe().settings()


@contextmanager
def writing(folder: Path) -> Iterator[CorpusWriter]:
    with open_for_writing(folder, SETTINGS) as writer:
        yield writer


def outcome(id: str, data: bytes = b"data", digest: str = "0f") -> Outcome:
    return Outcome(id, "mark", digest, data, "text", "plain-1", 1)


def files(folder: Path) -> dict[str, bytes]:
    places = [
        (folder / shard.name, entry, place)
        for shard in load_manifest(folder).shards
        for entry, place in read_index(folder / shard.name)
    ]
    return {entry.id: read_section(path, place) for path, entry, place in places}


def test_what_is_committed_is_there_and_nothing_else(tmp_path: Path) -> None:
    sizes = (0, 1, 127, 128, 16383, 16384, 70_000)
    with writing(tmp_path) as writer:
        for size in sizes:
            writer.add(outcome(f"é{size}", bytes([size % 251]) * size))
        writer.commit()
        writer.commit()  # nothing
        writer.add(outcome("lost"))
    assert files(tmp_path) == {f"é{size}": bytes([size % 251]) * size for size in sizes}
    (shard,) = load_manifest(tmp_path).shards
    assert (shard.documents, shard.pages) == (7, 7)
    assert shard.bytes == (tmp_path / shard.name).stat().st_size


def test_the_next_run_knows_what_is_there_and_the_last_of_an_id_counts(tmp_path: Path) -> None:
    for digest in ("01", "02"):
        with writing(tmp_path) as writer:
            writer.add(outcome("a", digest.encode(), digest))
            writer.commit()
    with writing(tmp_path) as writer:
        assert writer.known() == {"a": Entry("a", "02", "mark", "text", 1, 2)}
    assert files(tmp_path) == {"a": b"02"}


def test_what_a_killed_run_left_is_overwritten(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        (tmp_path / "shard-000001.omem").write_bytes(b"written, but not in the manifest")
        (tmp_path / "shard-000001.omem.0a1b.partial").write_bytes(b"half")
    with writing(tmp_path) as writer:
        assert not list(tmp_path.glob("*.partial"))
        writer.add(outcome("a"))
        writer.commit()
    assert files(tmp_path) == {"a": b"data"}


def test_an_interrupt_while_the_manifest_is_written_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(partial: str, path: Path) -> None:
        replace(partial, path)
        if path.name == "manifest.json":
            raise KeyboardInterrupt

    with writing(tmp_path) as writer:
        writer.add(outcome("a"))
        replace = os.replace
        monkeypatch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            writer.commit()
        monkeypatch.undo()
        writer.commit()
    assert len(load_manifest(tmp_path).shards) == 1
    assert not list(tmp_path.glob("*.partial"))


def test_bad_documents_are_named_at_once_and_anew_in_each_run(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        writer.add_bad(Bad("é", "because"))
        lines = (tmp_path / "bad.jsonl").read_text().splitlines()
        assert [json.loads(line) for line in lines] == [{"id": "é", "reason": "because"}]
    with writing(tmp_path):
        assert not (tmp_path / "bad.jsonl").exists()


def test_only_one_writes(tmp_path: Path) -> None:
    refused = pytest.raises(StoreLockedError, match="another process is writing")
    with writing(tmp_path), refused, writing(tmp_path):
        pass
    with writing(tmp_path):
        pass


def test_other_settings_and_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "mine.txt").write_text("mine")
    with pytest.raises(ResumeError, match=r"holds mine\.txt"), writing(tmp_path / "corpus"):
        pass
    (tmp_path / "corpus" / "mine.txt").unlink()
    with writing(tmp_path / "corpus") as writer:
        writer.add(outcome("a"))
        writer.commit()
    tiny = Recipe(tier=Tier.TINY).settings()
    with (
        pytest.raises(ResumeError, match=r"tier=small, not .*tier=tiny"),
        open_for_writing(tmp_path / "corpus", tiny),
    ):
        pass
    with open_for_writing(tmp_path / "corpus", Recipe(mode="tiny").settings()) as writer:
        assert writer.manifest.settings["images"]["mode"] == "tiny"  # there are no images yet


def test_documents_of_another_encoder_are_refused(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        writer.add(outcome("a"))
        with pytest.raises(FingerprintError, match="plain-2"):
            writer.add(outcome("b")._replace(encoder="plain-2"))


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"), writing(tmp_path / "file" / "out"):
        pass
    with pytest.raises(InputError, match="holds no corpus"):
        load_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}', '{"version": 1, "shards": 1}'])
def test_a_broken_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(FormatError):
        load_manifest(tmp_path)


def test_a_newer_manifest_and_a_shard_elsewhere_are_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"version": 2}')
    with pytest.raises(VersionError, match="version 2"):
        load_manifest(tmp_path)
    shard = {"name": "../a.omem", "documents": 1, "pages": 1, "bytes": 1}
    (tmp_path / "manifest.json").write_text(
        json.dumps({"version": 1, "settings": SETTINGS, "shards": [shard]})
    )
    with pytest.raises(FormatError, match="name"):
        load_manifest(tmp_path)


def test_a_damaged_shard_is_refused(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        writer.add(outcome("a", bytes(1000)))
        writer.commit()
    path = tmp_path / load_manifest(tmp_path).shards[0].name
    whole = path.read_bytes()
    for damaged in (whole[:30] + b"!" + whole[31:], whole[:20]):
        path.write_bytes(damaged)
        with pytest.raises(FormatError):
            read_index(path)
    path.write_bytes(whole[:-100])
    with pytest.raises(ChecksumError, match="cut short"):
        read_index(path)
    path.unlink()
    with pytest.raises(InputError, match="No such file"):
        read_index(path)
