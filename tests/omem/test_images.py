"""The file of images: its bytes, and every way in which they can be wrong."""

from hashlib import blake2b
from pathlib import Path

import pytest

from optimem.errors import ChecksumError, FormatError, InputError, VersionError
from optimem.omem.container import ContainerKind, file_kind, pack_container
from optimem.omem.images import ImageArchive, ImageArchiveWriter
from optimem.omem.text import TokenFile
from optimem.tiers import Tier

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
    file = ImageArchive.load(path)
    assert (file.fingerprint, file.mode, file.packing) == ("e", "base", "int8")
    assert [file.page(at) for at in (2, 0, 1)] == [PAGES[2], PAGES[0], PAGES[1]]
    assert file_kind(path) is ContainerKind.IMAGE_ARCHIVE


@pytest.mark.parametrize("index", [-1, 3])
def test_a_page_that_is_not_there(path: Path, index: int) -> None:
    with pytest.raises(InputError, match=rf"no page {index + 1}; the file has 3"):
        ImageArchive.load(path).page(index)


def test_every_flipped_bit_is_found(path: Path) -> None:
    data = path.read_bytes()
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises((FormatError, VersionError, ChecksumError)):
            ImageArchive.load(path)


def test_every_cut_is_found(path: Path) -> None:
    data = path.read_bytes()
    for end in range(len(data)):
        path.write_bytes(data[:end])
        with pytest.raises((FormatError, ChecksumError), match="cut short"):
            ImageArchive.load(path)


@pytest.mark.parametrize(
    "sections",
    [
        [],
        [b"{}"],
        [b'{"encoder":"e","mode":"base"}', b"page"],
        [b'{"encoder":"e","mode":"base","packing":8}', b"page"],
        [b'{"encoder":"e","mode":"base","packing":"int8","more":1}', b"page"],
        [b"page", b"page"],
    ],
)
def test_wrong_content_is_refused(path: Path, sections: list[bytes]) -> None:
    """A right checksum over wrong content, as only another program could write it."""
    path.write_bytes(pack_container(ContainerKind.IMAGE_ARCHIVE, sections))
    with pytest.raises(FormatError, match="cannot be read"):
        ImageArchive.load(path)


def test_sections_that_do_not_add_up_are_refused(path: Path) -> None:
    data = path.read_bytes()[:-8]
    for end in range(len(data) - len(PAGES[-1]), len(data)):
        path.write_bytes(data[:end] + blake2b(data[:end], digest_size=8).digest())
        with pytest.raises(FormatError, match="runs past the end"):
            ImageArchive.load(path)


def test_files_of_text_and_of_images_are_told_apart(path: Path, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"p\.omem holds images \(`optimem.read_images` reads"):
        TokenFile.load(path)
    text = tmp_path / "t.omem"
    TokenFile([], Tier.TINY, "e", True).save(text)
    assert file_kind(text) is ContainerKind.TOKEN_FILE
    with pytest.raises(FormatError, match=r"holds a text \(`optimem.read_pages` reads it\), not"):
        ImageArchive.load(text)


def test_files_of_older_versions_are_named(path: Path) -> None:
    for version in (1, 2):
        path.write_bytes(b"OMEM" + version.to_bytes(2, "little") + bytes(40))
        with pytest.raises(VersionError, match=f"version {version}, this release reads 3; read"):
            ImageArchive.load(path)


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none cannot be read: No such file"):
        ImageArchive.load(tmp_path / "none")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        ImageArchive.load(str(tmp_path))
