"""A corpus read back: listed, by id, together, and with images."""

from pathlib import Path

import pytest

from optimem import Corpus, build, compress_images, read_images
from optimem.corpus.documents import Document, list_documents
from optimem.corpus.encoding import CorpusEncoder, Recipe, Task
from optimem.corpus.shards import open_for_writing
from optimem.errors import FingerprintError, FormatError, InputError
from optimem.omem.text import TokenFile
from optimem.testing import open_memory, plain_codec
from tests.corpus.workers import other_codec, write_texts
from tests.model.deepseek_ocr.conftest import brief, folder, reader
from tests.model.deepseek_ocr.image_files import write_image
from tests.model.deepseek_ocr.small import BriefReader

__all__ = ["brief", "folder", "reader"]


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    write_texts(tmp_path / "in", 30)
    (tmp_path / "in" / "long.txt").write_text("word " * 1000)
    encode_here(tmp_path / "in", tmp_path / "out", Recipe(codec=plain_codec))
    return Corpus.load(tmp_path / "out")


def encode_here(source: Path, out: Path, recipe: Recipe) -> None:
    """As a run does, in this process."""
    encoder = CorpusEncoder(recipe)
    tasks = [Task(each, "") for each in list_documents(source) if isinstance(each, Document)]
    with open_for_writing(out, recipe.settings()) as writer:
        for outcome in encoder.encode(tasks):
            assert not outcome.reason
            writer.add(outcome)
        writer.commit()


def test_a_corpus_lists_and_reads_its_documents(corpus: Corpus, tmp_path: Path) -> None:
    assert len(corpus) == 31 == len(corpus.documents)
    assert corpus.documents[0].id == "long.txt"
    assert corpus.documents[0].pages == 13
    read = dict(corpus.read(codec=plain_codec()))
    assert read == {name: (tmp_path / "in" / name).read_text() for name in read}
    assert len(read) == 31


def test_documents_are_read_by_id_in_the_order_asked(corpus: Corpus) -> None:
    ids = ["3/00003.txt", "long.txt", "0/00000.txt", "3/00003.txt"]
    assert [each.id for each in corpus.read(ids, codec=plain_codec())] == ids
    assert "long.txt" in corpus
    assert "short.txt" not in corpus
    with pytest.raises(InputError, match=r"no document 'short.txt'"):
        corpus.read(["short.txt"])
    assert len(TokenFile.from_bytes(corpus.file("long.txt")).pages) == 13


def test_another_model_and_damage_are_refused(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(FingerprintError):
        list(corpus.read(codec=other_codec()))
    (shard,) = (tmp_path / "out").glob("*.omem")
    data = bytearray(shard.read_bytes())
    data[-100] ^= 1
    shard.write_bytes(data)
    with pytest.raises(FormatError, match=corpus.documents[-1].id):
        list(corpus.read(codec=plain_codec()))


def test_a_corpus_goes_into_a_memory(corpus: Corpus) -> None:
    with open_memory() as memory:
        turns = [{"id": i, "role": "text", "text": t} for i, t in corpus.read(codec=plain_codec())]
        assert memory.append("docs", turns).added == 31
        assert memory.append("docs", turns).added == 0
        memory.flush("docs")
        assert memory.recall("docs", "document 17")[0].id == "3/00017.txt"


def test_images_are_read_as_markdown_beside_texts(
    tmp_path: Path, brief: BriefReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "deepseek_reader", lambda model: brief)
    source = tmp_path / "in"
    write_texts(source, 2)
    write_image(source / "1" / "scan.png")
    recipe = Recipe(codec=plain_codec, images="small", mode="tiny")
    encode_here(source, tmp_path / "out", recipe)
    corpus = Corpus.load(tmp_path / "out")
    read = dict(corpus.read(codec=plain_codec()))
    compress_images(source / "1" / "scan.png", tmp_path / "a.omem", model=brief, mode="tiny")
    (answer,) = read_images(tmp_path / "a.omem", model=brief)
    assert read["1/scan.png"] == answer.grounded.text
    assert read["0/00000.txt"].startswith("document 0")
    assert {each.id: each.kind for each in corpus.documents}["1/scan.png"] == "images"


def test_a_folder_without_a_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no corpus"):
        Corpus.load(tmp_path)
