"""The file of images: its bytes, and every way in which they can be wrong."""

import json
from hashlib import blake2b
from pathlib import Path

import pytest

from optimem.errors import ChecksumError, FormatError, InputError, OptimemError, VersionError
from optimem.omem.images import ImageArchive, ImageArchiveWriter, is_image_archive
from optimem.omem.text import CHECK, PREFIX, TokenFile

PAGES = [b"first page", b"2", b"a third one"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "p.omem"
    with made.open("wb") as file:
        writer = ImageArchiveWriter(file, encoder="e", mode="base", packing="int8")
        for page in PAGES:
            writer.add(page)
        assert writer.finish() == file.tell()
    return made


def test_pages_come_back(path: Path) -> None:
    file = ImageArchive.open(path)
    assert (file.encoder, file.mode, file.packing) == ("e", "base", "int8")
    assert [file.page(at) for at in (2, 0, 1)] == [PAGES[2], PAGES[0], PAGES[1]]
    assert is_image_archive(path)


@pytest.mark.parametrize("index", [-1, 3])
def test_a_page_that_is_not_there(path: Path, index: int) -> None:
    with pytest.raises(InputError, match=rf"no page {index + 1}; the file has 3"):
        ImageArchive.open(path).page(index)


def test_every_flipped_bit_is_found(path: Path) -> None:
    data = path.read_bytes()
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises((FormatError, VersionError, ChecksumError)):
            ImageArchive.open(path)


def test_every_cut_is_found(path: Path) -> None:
    data = path.read_bytes()
    for end in range(len(data)):
        path.write_bytes(data[:end])
        with pytest.raises((FormatError, ChecksumError), match=r"no \.omem file|cut short"):
            ImageArchive.open(path)


@pytest.mark.parametrize(
    "sizes", [[10, 1], [10, 1, 12], [], {"a": 1}, [22, 0, "x"], [30, -8], [22, 1.5], 7]
)
def test_sizes_that_do_not_add_up_are_refused(path: Path, sizes: object) -> None:
    """A right checksum over wrong content, as only another program could write it."""
    header = b'{"encoder":"e","mode":"base","packing":"int8"}'
    index = json.dumps(sizes).encode()
    body = PREFIX.pack(b"OMEM", 2, len(header)) + header + b"".join(PAGES) + index
    body += len(index).to_bytes(4, "little")
    path.write_bytes(body + blake2b(body, digest_size=CHECK).digest())
    with pytest.raises(FormatError, match="cannot be format_errors"):
        ImageArchive.open(path)


def test_files_of_text_and_of_pictures_are_told_apart(path: Path, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="holds images, not a text; read it with"):
        TokenFile.load(path)
    text = tmp_path / "t.omem"
    text.write_bytes(PREFIX.pack(b"OMEM", 1, 0) + bytes(40))
    assert not is_image_archive(text)
    with pytest.raises(VersionError, match="1 holds a text"):
        ImageArchive.open(text)


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for ask in (ImageArchive.open, is_image_archive):
        with pytest.raises(OptimemError, match="none cannot be read: No such file"):
            ask(tmp_path / "none")
