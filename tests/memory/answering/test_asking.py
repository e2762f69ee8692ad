"""Questions that no words answer: the model is asked about the pages."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from optimem import OpticalMemory, Turn
from optimem.errors import FingerprintError
from optimem.memory.records.word_secret import scope_salt
from optimem.protocols import ImageAnswer
from optimem.testing import FakeImageReader, open_memory
from optimem.turns import Scope


class Seeing(FakeImageReader):
    """Answers whatever it is shown; keeps what that was."""

    def __init__(self, probability: float = 0.9, complete: bool = True, text: str = "42") -> None:
        super().__init__()
        self.said = ImageAnswer(text, probability, complete)
        self.shown: list[list[str]] = []

    def ask(self, pages: Sequence[bytes], question: str, salt: str = "") -> ImageAnswer:
        whole = super().ask(pages, question, salt)
        self.shown.append(whole.text.split("\f"))
        return self.said


@pytest.fixture
def reader() -> Seeing:
    return Seeing()


@pytest.fixture
def memory(reader: Seeing) -> Iterator[OpticalMemory]:
    with open_memory(images=reader) as opened:
        yield opened


def remember(memory: OpticalMemory, folder: Path, *pages: str) -> None:
    path = folder / "scan.png"
    path.write_text("\f".join(pages))
    memory.append_file("s", path)


def test_without_a_word_of_the_page_the_newest_images_are_asked(
    memory: OpticalMemory, reader: Seeing, tmp_path: Path
) -> None:
    remember(memory, tmp_path, "Rechnung eins", "Summe vierzig", "Zahlbar", "Vielen Dank")
    answer = memory.answer("s", "how much is due?")
    assert reader.shown == [["Vielen Dank", "Zahlbar", "Summe vierzig"]]
    assert (answer.text, answer.known, answer.source) == ("42", True, "image")
    assert answer.probability == 0.9
    assert [passage.number for passage in answer.passages] == [1, 2, 3]
    assert answer.passages[0].text.endswith("Summe vierzig")


def test_of_what_matches_but_does_not_answer_the_pages_are_asked(
    memory: OpticalMemory, reader: Seeing, tmp_path: Path
) -> None:
    remember(memory, tmp_path, "a chart of harbour traffic", "nothing else", "more of nothing")
    memory.append("s", "The harbour is old.")
    answer = memory.answer("s", "how many ferries left for Crete in 1999 from our harbour?")
    assert answer.source == "image"
    assert reader.shown == [["a chart of harbour traffic"]]
    assert answer.passages[0].text.endswith("a chart of harbour traffic")


@pytest.mark.parametrize(
    "reader",
    [Seeing(0.4), Seeing(complete=False), Seeing(text=" ")],
    ids=["unlikely", "cut", "empty"],
)
def test_an_answer_that_does_not_count_is_none(
    memory: OpticalMemory, reader: Seeing, tmp_path: Path
) -> None:
    remember(memory, tmp_path, "Rechnung eins")
    answer = memory.answer("s", "how much is due?")
    assert (answer.known, answer.passages) == (False, [])
    assert len(reader.shown) == 1


def test_nobody_is_asked_where_there_is_no_image_or_no_reader(
    memory: OpticalMemory, reader: Seeing, tmp_path: Path
) -> None:
    memory.append("s", "The harbour is old.")
    assert not memory.answer("s", "how much is due?").known
    remember(memory, tmp_path, "Rechnung eins")
    memory.images = None
    assert not memory.answer("s", "how much is due?").known
    assert reader.shown == []


def test_what_words_answer_is_quoted(memory: OpticalMemory, reader: Seeing) -> None:
    memory.append("s", [Turn(text="Staging listens on port 6543.", name="Ann")])
    assert memory.answer("s", "which port does staging listen on?").source == "quoted"
    assert reader.shown == []


def test_images_of_another_model_are_refused(memory: OpticalMemory, tmp_path: Path) -> None:
    remember(memory, tmp_path, "Rechnung eins")
    memory.images = FakeImageReader("fake-2")
    with pytest.raises(FingerprintError, match="fake-1"):
        memory.answer("s", "how much is due?")


def test_each_scope_has_a_salt_of_its_own(
    memory: OpticalMemory, reader: Seeing, tmp_path: Path
) -> None:
    """It is the same again, and another in another store."""
    remember(memory, tmp_path, "Rechnung eins")
    memory.flush("s")
    for _ in range(2):
        memory.answer("s", "how much is due?")
    scopes = [Scope.parse(name) for name in ("s", "t", "n/s", "n/u/s")]
    salts = [scope_salt(memory.store, scope) for scope in scopes]
    assert set(reader.salts) == {salts[0]}
    assert len(set(salts)) == 4
    with open_memory() as other:
        other.append("s", "a")
        other.flush("s")
        assert scope_salt(other.store, scopes[0]) not in salts


async def test_the_async_twin(memory: OpticalMemory, tmp_path: Path) -> None:
    remember(memory, tmp_path, "Rechnung eins")
    question = "how much is due?"
    assert await memory.aanswer("s", question) == memory.answer("s", question)
