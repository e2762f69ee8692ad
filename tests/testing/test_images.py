"""The fake reader of images keeps the contract of `ImageReader`."""

from pathlib import Path

import pytest

from optimem.errors import ChecksumError, FingerprintError, InputError
from optimem.testing import FakeImageReader


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.pdf"
    path.write_text("first page\fsecond page")
    return path


def test_each_page_is_read_once(scan: Path) -> None:
    reader = FakeImageReader()
    first, second = reader.read(scan, lambda _: False)
    assert (first.text, second.text) == ("first page", "second page")
    assert first.id != second.id
    again = list(reader.read(scan, lambda name: name == first.id))
    assert [(page.id, page.text) for page in again] == [(first.id, ""), (second.id, "second page")]
    assert again[0].tokens == b""
    assert reader.read_pages == 3


def test_answers_come_from_the_tokens_alone(scan: Path) -> None:
    reader = FakeImageReader()
    (first, _) = reader.read(scan, lambda _: False)
    scan.unlink()
    assert reader.ask([first.tokens], "what?") == ("first page", 1.0, True)
    assert reader.asked == ["what?"]
    with pytest.raises(FingerprintError, match="'fake-1', the model here is 'fake-2'"):
        FakeImageReader("fake-2").ask([first.tokens], "what?")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", None])
def test_a_file_without_images_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "broken.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.png cannot be read as an image"):
        list(FakeImageReader().read(path, lambda _: False))


def test_damaged_tokens_are_named() -> None:
    with pytest.raises(ChecksumError):
        FakeImageReader().ask([b"\xff"], "what?")
