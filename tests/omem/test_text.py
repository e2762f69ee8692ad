"""The file of a text: its bytes, and every way in which they can be wrong."""

from functools import partial
from pathlib import Path

import pytest

from optimem.errors import ChecksumError, FormatError, InputError, VersionError
from optimem.omem.container import ContainerKind, pack_container
from optimem.omem.text import (
    TextPage,
    TokenFile,
    paginate,
    read_back,
    select_pages,
    write_pages,
)
from optimem.protocols import VisionTokens
from optimem.testing import plain_codec
from optimem.text.keeping import Keep, kept_cells
from optimem.tiers import Tier

PAGES = [
    TextPage(VisionTokens(Tier.TINY, cells, "e", bytes([cells]) * cells), b"c" * cells, bytes(8))
    for cells in (0, 3, 200)
]
FILE = TokenFile(PAGES, Tier.TINY, "e", False)


def test_a_file_comes_back_from_its_bytes_and_from_disk(tmp_path: Path) -> None:
    assert TokenFile.from_bytes(FILE.to_bytes()) == FILE
    path = tmp_path / "t.omem"
    for place in (path, str(path)):
        assert FILE.save(place) == path.stat().st_size
        assert TokenFile.load(place) == FILE


def test_every_flipped_bit_and_every_cut_is_found() -> None:
    data = FILE.to_bytes()
    for at in range(len(data)):
        with pytest.raises((FormatError, VersionError, ChecksumError)):
            TokenFile.from_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(ChecksumError, match="this file is damaged or cut short"):
            TokenFile.from_bytes(data[:at])


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b'{"encoder":"e","tier":"tiny","complete":true,"cells":[1]}', "argument 2 is longer"),
        (b'{"encoder":"e","tier":"tiny","complete":true,"cells":[1,2,3]}', "argument 2 is shorter"),
        (b'{"encoder":"e","tier":"huge","complete":true,"cells":[1,2]}', "TierError: .*'huge'"),
        (b'{"encoder":"e","tier":"tiny","complete":true,"cells":[1,-2]}', "cells.1: Input should"),
        (b'{"encoder":"e","complete":true,"cells":[1,2]}', "tier: Field required"),
        (b'{"encoder":"e","tier":"tiny","cells":[1,2]}', "complete: Field required"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(header: bytes, reason: str) -> None:
    data = pack_container(ContainerKind.TOKEN_FILE, [header, bytes(16), b"a", b"", b"b", b""])
    with pytest.raises(FormatError, match=f"this file cannot be read .*{reason}"):
        TokenFile.from_bytes(data)


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none cannot be read: No such file"):
        TokenFile.load(tmp_path / "none")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        TokenFile.load(str(tmp_path))


def test_pages_are_encoded_and_decoded_in_order() -> None:
    codec, steps = plain_codec(), list[tuple[int, int]]()
    text = "".join(f"line {number}\n" for number in range(400))
    pages = paginate(codec.renderer.cells(text), codec.renderer)
    assert len(pages) > 8
    assert all(0 < len(cells) <= codec.renderer.capacity for cells in pages)
    keep = partial(kept_cells, keep=Keep.ALL)
    written = list(write_pages(pages, Tier.TINY, codec, keep, lambda *step: steps.append(step)))
    file = TokenFile([each.page for each in written], Tier.TINY, "plain-1", True)
    read = read_back(file, range(len(pages)), codec, lambda *step: steps.append(step))
    assert "".join(reading.text for reading in read) == text
    assert steps == [(8, len(pages)), *[(len(pages), len(pages))]] * 2


def written_with(keep: Keep, lost: int) -> tuple[TokenFile, int, int]:
    """A file of one page of which every so many cells are lost; cells misread, and left wrong."""
    codec = plain_codec({Tier.TINY: lost})
    pages = [codec.renderer.cells("we met at port 15432 yesterday")]
    (page,) = write_pages(pages, Tier.TINY, codec, partial(kept_cells, keep=keep))
    file = TokenFile([page.page], Tier.TINY, "plain-1", keep is Keep.ALL)
    return TokenFile.from_bytes(file.to_bytes()), page.misread, page.left


def test_what_the_tokens_misread_comes_back_as_far_as_it_is_kept() -> None:
    file, misread, left = written_with(Keep.ALL, 3)
    assert (misread, left) == (10, 0)
    (reading,) = read_back(file, [0], plain_codec())
    assert reading.text == "we met at port 15432 yesterday"
    assert (reading.probability == 1).all()
    file, misread, left = written_with(Keep.VALUES, 3)
    assert (misread, left) == (10, 9)
    (reading,) = read_back(file, [0], plain_codec())
    assert "15432" in reading.text
    assert reading.marked(0.5).count("\ufffd") == 9


def test_a_text_that_its_digest_refuses_is_marked() -> None:
    file, _, _ = written_with(Keep.ALL, 3)
    other = TokenFile([file.pages[0]._replace(digest=bytes(8))], Tier.TINY, "plain-1", True)
    (reading,) = read_back(other, [0], plain_codec())
    assert "\ufffd" in reading.marked(0.5)


def test_broken_corrections_are_named() -> None:
    file, _, _ = written_with(Keep.ALL, 3)
    broken = file.pages[0]._replace(corrections=b"\xff" * 40)
    with pytest.raises(FormatError, match="the corrections of a page cannot be read"):
        list(read_back(TokenFile([broken], Tier.TINY, "plain-1", True), [0], plain_codec()))


def test_pages_are_selected_or_refused() -> None:
    assert list(select_pages(None, 3)) == [0, 1, 2]
    assert select_pages([2, 0], 3) == [2, 0]
    for index in (-1, 3):
        with pytest.raises(InputError, match=f"no page {index + 1}; the file has 3"):
            select_pages([0, index], 3)
