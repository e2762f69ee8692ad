"""The container: what it holds comes back, and bytes that are wrong are refused by name."""

import io
from pathlib import Path

import pytest
import zstandard
from pydantic import TypeAdapter

from optimem.errors import ChecksumError, FormatError, InputError, VersionError
from optimem.omem import container
from optimem.omem.container import (
    ContainerKind,
    ContainerWriter,
    compress,
    decompress,
    file_kind,
    find_sections,
    format_errors,
    from_json,
    pack_container,
    to_json,
    unpack_container,
)
from optimem.omem.text import TokenFile

SECTIONS = [b"", b"x", bytes(127), bytes(128), bytes(70_000)]


def unpacked(kind: ContainerKind, data: bytes) -> list[bytes]:
    with unpack_container(kind, data) as sections:
        return sections


def test_sections_come_back() -> None:
    for sections in ([], SECTIONS):
        assert (
            unpacked(ContainerKind.PAGE, pack_container(ContainerKind.PAGE, sections)) == sections
        )


def test_small_records_cost_few_bytes() -> None:
    assert len(pack_container(ContainerKind.TURN_NUMBER, [b"7"])) == 16


def test_a_file_written_in_parts_is_the_same_container() -> None:
    file = io.BytesIO()
    writer = ContainerWriter(file, ContainerKind.IMAGE_ARCHIVE)
    for section in SECTIONS:
        writer.add(section)
    assert writer.finish() == len(file.getvalue())
    assert file.getvalue() == pack_container(ContainerKind.IMAGE_ARCHIVE, SECTIONS)
    file.seek(0)
    places = find_sections(ContainerKind.IMAGE_ARCHIVE, file)
    assert [file.getvalue()[at : at + size] for at, size in places] == SECTIONS


def test_every_flipped_bit_and_every_cut_is_noticed() -> None:
    data = pack_container(ContainerKind.PAGE, [b"one", b"two"])
    for at in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[at // 8] ^= 1 << at % 8
        with pytest.raises(FormatError):
            unpacked(ContainerKind.PAGE, bytes(flipped))
    for end in range(len(data)):
        with pytest.raises(ChecksumError, match="damaged or cut short"):
            unpacked(ContainerKind.PAGE, data[:end])


@pytest.mark.parametrize(
    ("start", "version"),
    [(b"Om\x01P", 1), (b"OMEM\x01\x00", 1), (b"OMEM\x02\x00", 2), (b"OMEM\xff\x00", 255)],
)
def test_other_versions_are_named_with_a_remedy(start: bytes, version: int) -> None:
    remedy = "upgrade optimem" if version == 255 else "read it with the release that wrote it"
    with pytest.raises(VersionError, match=f"format version {version}, .* reads 4; {remedy}"):
        unpacked(ContainerKind.PAGE, start + bytes(30))


def test_other_kinds_and_other_files_are_named() -> None:
    data = pack_container(ContainerKind.ITEM, [])
    with pytest.raises(FormatError, match="a page holds an item, not a page"):
        unpacked(ContainerKind.PAGE, data)
    with pytest.raises(FormatError, match=r"notes\.txt was not written by optimem: .*b'Once u'"):
        TokenFile.from_bytes(b"Once upon a time", "notes.txt")


def test_a_file_says_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "f"
    for content, kind in (
        (pack_container(ContainerKind.TOKEN_FILE, []), ContainerKind.TOKEN_FILE),
        (b"OMEM\x01t", None),
        (b"OMEM\x03?", None),
        (b"OM", None),
    ):
        path.write_bytes(content)
        assert file_kind(path) is kind
    with pytest.raises(InputError, match="none cannot be read: No such file"):
        file_kind(tmp_path / "none")


def test_a_container_is_read_only_in_its_place() -> None:
    data = pack_container(ContainerKind.PAGE, SECTIONS, b"here")
    with unpack_container(ContainerKind.PAGE, data, place=b"here") as sections:
        assert sections == SECTIONS
    for place in (b"", b"there", b"her"):
        with (
            pytest.raises(ChecksumError),
            unpack_container(ContainerKind.PAGE, data, place=place),
        ):
            pass


def test_codes_differ() -> None:
    assert len({kind.code for kind in ContainerKind}) == len(ContainerKind)
    assert all(len(kind.code) == 1 for kind in ContainerKind)


def test_compressed_bytes_come_back_and_others_are_refused() -> None:
    for data in (b"", b"x", bytes(100_000)):
        assert decompress(compress(data)) == data
    whole = compress(bytes(1000))
    unsized = zstandard.ZstdCompressor(write_content_size=False).compress(b"x" * 1000)
    for wrong in (b"x", whole[:-1], whole + b"x", unsized):
        with pytest.raises((ValueError, zstandard.ZstdError)):
            decompress(wrong)


def test_absurd_sizes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    huge = b"\x28\xb5\x2f\xfd\xe0" + (1 << 60).to_bytes(8, "little") + b"\x01\x00\x00"
    with pytest.raises(ValueError, match="declares a size of 1152921504606846976 bytes"):
        decompress(huge)
    monkeypatch.setattr(container, "MAX_DECOMPRESSED", 9)
    with pytest.raises(InputError, match="10 bytes are more than 9"):
        compress(bytes(10))


def test_json_fits_its_schema_or_is_refused() -> None:
    schema = TypeAdapter(dict[str, int])
    assert from_json(schema, to_json({"\ud800": 1})) == {"\ud800": 1}
    for wrong, reason in (
        (b'{"a":"1"}', "a: Input should be a valid integer"),
        (b'{"a":1.0}', "a: Input should be a valid integer"),
        (b"[]", "Input should be a valid dictionary"),
        (b"{", "JSONDecodeError"),
        (b"\xff", "UnicodeDecodeError"),
        (b"[" * 100_000, "RecursionError"),
    ):
        with pytest.raises(FormatError, match=rf"x cannot be read \({reason}"), format_errors("x"):
            from_json(schema, wrong)
