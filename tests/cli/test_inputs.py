"""What commands are given: turns, images, times, and the options that name a memory."""

import os
import threading
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from optimem.cli.inputs import (
    MemoryOptions,
    image_paths,
    is_image,
    memory_options,
    parse_chat,
    parse_jsonl,
    parse_speakers,
    parse_time,
    read_input,
    read_turns,
    seekable,
)
from optimem.errors import InputError, TextError
from optimem.model import DEEPSEEK, NANO


def test_lines_of_a_chat_continue_the_turn_before() -> None:
    assert parse_chat("User: hello:\nthere\n\nASSISTANT : hi\nnote: not a role") == [
        {"role": "user", "text": "hello:\nthere\n"},
        {"role": "assistant", "text": "hi\nnote: not a role"},
    ]
    with pytest.raises(InputError, match="starts with 'hello'"):
        parse_chat("\nhello\nuser: hi")


def test_people_named_start_turns_of_a_chat() -> None:
    speakers = parse_speakers(["Ann Lee", "Bot = Assistant"])
    assert speakers == {"Ann Lee": "user", "Bot": "assistant"}
    assert parse_chat("ann lee: hi: all\nBen: x\nBOT : ho\nuser: hm", speakers) == [
        {"role": "user", "name": "Ann Lee", "text": "hi: all\nBen: x"},
        {"role": "assistant", "name": "Bot", "text": "ho"},
        {"role": "user", "text": "hm"},
    ]


@pytest.mark.parametrize("given", ["", " ", "=user", "Ann=queen", "Ann:=user", "Ann=user=x"])
def test_what_names_no_speaker_is_refused(given: str) -> None:
    with pytest.raises(InputError, match="does not name a speaker"):
        parse_speakers([given])


def test_json_lines_name_the_one_that_is_broken() -> None:
    assert parse_jsonl('{"text": "a"}\n\n{"text": "b"}\n') == [{"text": "a"}, {"text": "b"}]
    with pytest.raises(InputError, match="line 2 is not JSON"):
        parse_jsonl('{"text": "a"}\n{')


def test_a_file_is_one_turn_unless_it_has_a_form(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("user: hi")
    assert read_turns(str(path), "tool", None) == [{"text": "user: hi", "role": "tool"}]
    assert read_turns(str(path), "tool", "chat") == [{"text": "hi", "role": "user"}]
    path.write_text("")
    with pytest.raises(InputError, match="is empty"):
        read_turns(str(path), "text", None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("12.5", 12.5), ("1970-01-02", 86_400), ("1970-01-01T01:00+01:00", 0)],
)
def test_times(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


def test_what_is_no_time_is_named() -> None:
    with pytest.raises(InputError, match="'soon' is not a time; write 2026-11-21"):
        parse_time("soon")


@pytest.mark.parametrize(
    "head", [b"%PDF-1.7", b"\x89PNG\r\n", b"\xff\xd8\xff\xe0", b"II*\0", b"RIFF\0\0\0\0WEBP"]
)
def test_images_are_known_by_their_first_bytes(head: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(head)
    assert is_image(tmp_path / "a", None)


def test_an_unknown_binary_is_an_image_only_for_a_model_that_reads_images(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\x00\x01\xfe")
    (tmp_path / "b").write_text("naïve 漢字 " * 1000)  # may be cut inside a character
    assert not is_image(tmp_path / "a", NANO)
    assert is_image(tmp_path / "a", DEEPSEEK)
    assert not is_image(tmp_path / "b", DEEPSEEK)


def test_a_file_holds_text_or_images_and_images_need_a_model(tmp_path: Path) -> None:
    scan, notes = tmp_path / "a.png", tmp_path / "b.txt"
    scan.write_bytes(b"\x89PNG\r\n")
    notes.write_text("text")
    assert image_paths([str(scan)] * 2, DEEPSEEK) == [scan, scan]
    assert image_paths([str(notes)], NANO) == []
    with pytest.raises(InputError, match="compress them separately"):
        image_paths([str(scan), str(notes)], DEEPSEEK)
    assert image_paths([str(notes), "-"], NANO) == []
    with pytest.raises(InputError, match=f"give --model {DEEPSEEK}"):
        image_paths([str(scan)], NANO)


def test_input_that_is_not_text_names_the_byte_and_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"caf\xe9")
    with pytest.raises(TextError, match=r"byte 3 is 0xe9.*for an image or a PDF name a model"):
        read_input(str(tmp_path / "a"))
    with pytest.raises(click.BadParameter, match="No such file"):
        read_input(str(tmp_path / "missing"))


def test_a_pipe_can_be_opened_more_than_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"once",))
    writer.start()
    with seekable(pipe) as file:
        assert file.read_bytes() == file.read_bytes() == b"once"
    writer.join()
    (tmp_path / "a").write_text("text")
    with seekable(tmp_path / "a") as file:
        assert file == tmp_path / "a"


def test_a_command_gets_the_memory_options_it_asks_for() -> None:
    @click.command()
    @memory_options("store", "model", "images")
    def show(options: MemoryOptions) -> None:
        click.echo(f"{options.store} {options.model} {options.image_model}")

    def output(*arguments: str, **environment: str) -> str:
        return CliRunner().invoke(show, arguments, env=environment).output

    none = {"OPTIMEM_STORE": None, "OPTIMEM_MODEL": None}
    assert output(**none) == f"None {NANO} {NANO}\n"
    assert output("--images", "x/y", OPTIMEM_STORE="a.db") == f"a.db {NANO} x/y\n"
    assert output("--store", "b.db", OPTIMEM_STORE="a.db", OPTIMEM_MODEL="x/y") == "b.db x/y x/y\n"
