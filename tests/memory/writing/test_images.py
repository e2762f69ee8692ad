"""Images in a memory: read once, found by their words, asked by their tokens, and deleted."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from optimem import OpticalMemory
from optimem.errors import InputError
from optimem.memory.records.records import image_turn
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.writing.images import ask_image
from optimem.protocols import ImageAnswer
from optimem.testing import FakeImageReader, open_memory
from optimem.turns import Scope

QUESTION = "What is the total of the invoice?"


@pytest.fixture
def reader() -> FakeImageReader:
    return FakeImageReader()


@pytest.fixture
def memory(reader: FakeImageReader) -> Iterator[OpticalMemory]:
    with open_memory(images=reader) as opened:
        yield opened


@pytest.fixture
def invoice(tmp_path: Path) -> Path:
    path = tmp_path / "invoice.pdf"
    path.write_text("The total of the invoice is 40 euros.\fPay it by May.")
    return path


def records(memory: OpticalMemory) -> ScopeRecords:
    return ScopeRecords(memory.store, Scope.parse("s"))


def test_each_page_is_a_turn_and_read_once(
    memory: OpticalMemory, reader: FakeImageReader, invoice: Path
) -> None:
    report = memory.append_file("s", invoice)
    assert (report.added, report.duplicates) == (2, 0)
    report = memory.append_file("s", invoice)
    assert (report.added, report.duplicates) == (0, 2)
    assert reader.read_pages == 2
    turns = memory.reconstruct("s")
    assert [turn.text.splitlines()[0] for turn in turns] == [
        "invoice.pdf, page 1",
        "invoice.pdf, page 2",
    ]
    assert {turn.role for turn in turns} == {"text"}
    assert memory.recall("s", "total", k=1)[0].id == turns[0].id


def test_what_was_interrupted_is_read_again(
    memory: OpticalMemory, reader: FakeImageReader, invoice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tokens are stored before the turn: without the turn the page counts as new."""

    def interrupted(*given: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(memory, "append", interrupted)
        with pytest.raises(KeyboardInterrupt):
            memory.append_file("s", invoice)
    assert memory.append_file("s", invoice).added == 2
    assert reader.read_pages == 3


def test_an_answer_comes_from_the_image_itself(
    memory: OpticalMemory, reader: FakeImageReader, invoice: Path
) -> None:
    memory.append_file("s", invoice)
    answer = memory.answer("s", QUESTION)
    assert (answer.source, answer.text) == ("image", "The total of the invoice is 40 euros.")
    assert answer.passages[0].text.startswith("invoice.pdf, page 1")
    assert reader.asked == [QUESTION]


@pytest.mark.parametrize("changed", [{"complete": False}, {"text": " \n"}])
def test_an_answer_that_is_empty_or_cut_off_does_not_count(
    memory: OpticalMemory, invoice: Path, changed: dict[str, object]
) -> None:
    class Unfinished(FakeImageReader):
        def ask(self, pages: Sequence[bytes], question: str, salt: str = "") -> ImageAnswer:
            return super().ask(pages, question, salt)._replace(**changed)  # type: ignore[arg-type]

    memory.append_file("s", invoice)
    memory.images = Unfinished()
    assert memory.answer("s", QUESTION).source == "quoted"


def test_only_a_turn_with_an_image_is_asked(memory: OpticalMemory, invoice: Path) -> None:
    memory.append("s", "The total of the invoice is 50 euros.")
    memory.append_file("s", invoice)
    text, first, _ = (turn.id for turn in memory.reconstruct("s"))
    reader = FakeImageReader()
    assert ask_image(records(memory), text, reader, QUESTION) is None
    assert ask_image(records(memory), image_turn("none"), reader, QUESTION) is None
    assert ask_image(records(memory), first, None, QUESTION) is None
    answer = ask_image(records(memory), first, reader, QUESTION)
    assert answer == ("The total of the invoice is 40 euros.", 1.0, True)


def test_forgetting_the_turn_deletes_the_image(memory: OpticalMemory, invoice: Path) -> None:
    memory.append_file("s", invoice)
    turn = memory.reconstruct("s")[0].id
    assert records(memory).image(turn)
    assert memory.forget("s", turn=turn).left == 0
    assert records(memory).image(turn) is None


def test_a_memory_without_a_reader_names_the_remedy(invoice: Path) -> None:
    with open_memory() as memory, pytest.raises(InputError, match="images='deepseek-ai/"):
        memory.append_file("s", invoice)


def test_a_nul_that_was_read_is_kept(memory: OpticalMemory, tmp_path: Path) -> None:
    path = tmp_path / "scan.png"
    path.write_text("to\0tal")
    memory.append_file("s", path)
    assert memory.reconstruct("s")[0].text == "scan.png, page 1\nto\0tal"
