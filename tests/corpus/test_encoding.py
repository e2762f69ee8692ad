"""What a worker makes of a batch: files that read back, and a reason for each that it cannot."""

from pathlib import Path

import pytest

from optimem import ImageArchive, TokenFile, build, read_pages
from optimem.corpus.documents import Document, digest, list_documents
from optimem.corpus.encoding import (
    BATCH_BYTES,
    BATCH_DOCUMENTS,
    CorpusEncoder,
    Outcome,
    Recipe,
    Task,
    batched,
)
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.testing import plain_codec
from optimem.tiers import Tier
from tests.corpus.workers import deadly_codec
from tests.model.deepseek_ocr.conftest import folder, reader
from tests.model.deepseek_ocr.image_files import write_image

__all__ = ["folder", "reader"]


def tasks(folder: Path) -> list[Task]:
    found = [each for each in list_documents(folder) if isinstance(each, Document)]
    return [Task(each, "") for each in found]


def encoded(folder: Path, recipe: Recipe) -> dict[str, Outcome]:
    return {each.id: each for each in CorpusEncoder(recipe).encode(tasks(folder))}


def text_of(outcome: Outcome) -> str:
    pages = read_pages(TokenFile.from_bytes(outcome.data), plain_codec())
    return "".join(page.text for page in pages)


def test_texts_of_a_batch_come_back_each_by_itself(tmp_path: Path) -> None:
    texts = {f"{n}.txt": f"{n} " * n * 150 for n in range(1, 6)}  # up to four pages
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    done = encoded(tmp_path, Recipe(codec=plain_codec))
    assert {name: text_of(each) for name, each in done.items()} == texts
    assert [done[name].pages for name in texts] == [1, 2, 3, 3, 4]
    assert done["1.txt"].digest == digest(texts["1.txt"].encode())
    assert done["1.txt"].encoder == "plain-1"


def test_what_is_wrong_with_one_document_is_told_of_it_alone(tmp_path: Path) -> None:
    given = {
        "a": b"good",
        "b": b"\xff\xfe",
        "c": b"",
        "d": b"nul \0",
        "e": b"raise",
        "f": b"%PDF-1",
    }
    for name, content in given.items():
        (tmp_path / name).write_bytes(content)
    todo = tasks(tmp_path)
    (tmp_path / "g").write_text("gone")
    todo += [each for each in tasks(tmp_path) if each.document.id == "g"]
    (tmp_path / "g").unlink()
    done = {e.id: e for e in CorpusEncoder(Recipe(codec=deadly_codec)).encode(todo)}
    assert text_of(done["a"]) == "good"
    reasons = {name: each.reason for name, each in done.items() if name != "a"}
    assert "not UTF-8" in reasons["b"]
    assert "empty" in reasons["c"]
    assert "NUL" in reasons["d"]
    assert reasons["e"] == "RuntimeError: the model failed"
    assert "holds images, which optimem-nano cannot read" in reasons["f"]
    assert "No such file" in reasons["g"]
    assert not any(each.data for name, each in done.items() if name != "a")


def test_known_content_is_not_encoded_again(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("the same")
    (task,) = tasks(tmp_path)
    encoder = CorpusEncoder(Recipe(codec=deadly_codec))
    (done,) = encoder.encode([task._replace(known=digest(b"the same"))])
    assert not done.data
    assert not done.reason


def test_a_row_that_changed_since_it_was_listed_is_not_taken_for_another(tmp_path: Path) -> None:
    (source := tmp_path / "list.jsonl").write_text('{"text": "one"}\n')
    todo = tasks(source)
    source.write_text('{"text": "two"}\n')
    (done,) = CorpusEncoder(Recipe(codec=plain_codec)).encode(todo)
    assert "changed while it was read" in done.reason


def test_images_become_archives(
    tmp_path: Path, reader: DeepSeekReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "deepseek_reader", lambda model: reader)
    write_image(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"\x89PNG broken")
    done = encoded(tmp_path, Recipe(codec=plain_codec, images="small", mode="tiny"))
    assert (done["a.png"].kind, done["a.png"].pages) == ("images", 1)
    (out := tmp_path / "a.omem").write_bytes(done["a.png"].data)
    assert ImageArchive.load(out).mode == "tiny"
    assert done["b.png"].reason.startswith("it ")


def test_batches_hold_a_bounded_number_of_documents_and_bytes() -> None:
    def task(size: int) -> Task:
        return Task(Document("a", "a", "", size), "")

    small = [len(batch) for batch in batched([task(1)] * (2 * BATCH_DOCUMENTS + 1))]
    assert small == [BATCH_DOCUMENTS, BATCH_DOCUMENTS, 1]
    large = [len(batch) for batch in batched([task(1), task(BATCH_BYTES), task(1)])]
    assert large == [1, 1, 1]
    assert list(batched([])) == []


@pytest.mark.parametrize("tier", [Tier.SMALL, Tier.TINY])
def test_a_file_is_what_compress_makes(tmp_path: Path, tier: Tier) -> None:
    from optimem import compress

    (tmp_path / "a").write_text("The port is 6543. " * 40)
    done = encoded(tmp_path, Recipe(codec=plain_codec, tier=tier))
    alone = compress("The port is 6543. " * 40, tier, plain_codec()).file
    assert done["a"].data == alone.to_bytes()
