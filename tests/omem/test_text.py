"""The file of a text: its bytes, and every way in which they can be wrong."""

from pathlib import Path

import pytest

from optimem.errors import ChecksumError, FormatError, InputError, VersionError
from optimem.omem.container import ContainerKind, pack_container
from optimem.omem.text import (
    TokenFile,
    decode_pages,
    encode_pages,
    paginate,
    select_pages,
)
from optimem.protocols import VisionTokens
from optimem.testing import plain_codec
from optimem.tiers import Tier

PAGES = [VisionTokens(Tier.TINY, cells, "e", bytes([cells]) * cells) for cells in (0, 3, 200)]
FILE = TokenFile(PAGES, Tier.TINY, "e")


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
        (b'{"encoder":"e","tier":"tiny","cells":[1]}', "argument 2 is longer"),
        (b'{"encoder":"e","tier":"tiny","cells":[1,2,3]}', "argument 2 is shorter"),
        (b'{"encoder":"e","tier":"huge","cells":[1,2]}', "TierError: .*'huge'"),
        (b'{"encoder":"e","tier":"tiny","cells":[1,-2]}', "cells.1: Input should be greater"),
        (b'{"encoder":"e","cells":[1,2]}', "tier: Field required"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(header: bytes, reason: str) -> None:
    data = pack_container(ContainerKind.TOKEN_FILE, [header, b"a", b"b"])
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
    tokens = encode_pages(pages, Tier.TINY, codec, lambda *step: steps.append(step))
    read = decode_pages(tokens, codec, lambda *step: steps.append(step))
    assert "".join(reading.text for reading in read) == text
    assert steps == [(8, len(pages)), *[(len(pages), len(pages))]] * 2


def test_pages_are_selected_or_refused() -> None:
    assert list(select_pages(None, 3)) == [0, 1, 2]
    assert select_pages([2, 0], 3) == [2, 0]
    for index in (-1, 3):
        with pytest.raises(InputError, match=f"no page {index + 1}; the file has 3"):
            select_pages([0, index], 3)
