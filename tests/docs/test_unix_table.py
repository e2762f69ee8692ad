"""Each cell of the table in docs/unix.md: the command does what the cell says.

The commands run in this process on the fakes of `optimem.testing`, in a folder of their own."""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from unittest.mock import patch

import pytest

from optimem import OpticalMemory
from optimem.cli import cli
from optimem.corpus.encoding import CorpusEncoder, Outcome, Recipe, Task
from optimem.protocols import PageCodec
from optimem.store.sqlite import SQLiteStore
from optimem.testing import PlainModel, PlainRenderer, plain_codec
from tests.cli.command import Done, run
from tests.docs.shell import ROOT

PAGE = (ROOT / "docs" / "unix.md").read_text("utf-8")
ROWS = {
    name: [cell.strip() for cell in cells.split("|")]
    for names, cells in re.findall(r"^\| (`[a-z`, -]+`) \| ?(.*) \|$", PAGE, re.M)
    for name in re.findall(r"`([a-z-]+)`", names)
}
STDIN, STDOUT, SEVERAL, JSON, COMPLETES, FAILS = range(6)
SCOPE = "work/ann/monday"
KEY, NEW_KEY = "ab" * 32, "cd" * 32
SERVERS = {"mcp", "serve", "server-command"}
EVAL = ("--ratios", "1", "--pages", "1", "--tokenizer", "bytes")
CALLS = {
    "compress": ("notes.txt",),
    "read": ("notes.omem",),
    "decompress": ("notes.omem",),
    "compress-prompt": ("long.txt", "--model", "gpt-4o"),
    "remember": (SCOPE, "notes.txt"),
    "recall": (SCOPE, "port"),
    "ask": (SCOPE, "which port does staging use?"),
    "reconstruct": (SCOPE,),
    "scopes": (),
    "stats": (),
    "savings": (),
    "sweep": (),
    "worker": ("--once",),
    "pin": (SCOPE, "m1"),
    "unpin": (SCOPE, "m1"),
    "forget": (SCOPE, "--yes"),
    "readmit": (SCOPE,),
    "verify-receipt": ("receipt.json",),
    "export": (SCOPE,),
    "import": ("export.jsonl", "--store", "new.db"),
    "copy": ("store.db", "copy.db"),
    "check": (),
    "purge": (),
    "new-key": (),
    "new-access-key": ("work",),
    "rotate-keys": ("--store", "sealed.db"),
    "drop-key": ("work/ann", "--yes"),
    "reencode": (),
    "reindex": (SCOPE, "--embeddings", "tests.memory.embedders:WordModel"),
    "encode-corpus": ("notes.txt", "corpus"),
    "read-corpus": ("encoded",),
    "inspect": (SCOPE,),
    "eval": ("notes.txt", *EVAL),
}
"""The arguments of an ordinary call that succeeds; its first file stands for FILE."""
SETTINGS = {
    "rotate-keys": {"OPTIMEM_KEY": f"{NEW_KEY} {KEY}"},
    "drop-key": {"OPTIMEM_KEY": KEY, "OPTIMEM_USER_KEYS": "users"},
}


def call(name: str, *arguments: str, stdin: bytes | BytesIO = b"") -> Done:
    return run(
        name, *arguments, stdin=stdin, **{"OPTIMEM_STORE": "store.db", **SETTINGS.get(name, {})}
    )


def usual(name: str, *more: str, stdin: bytes | BytesIO = b"") -> Done:
    """The ordinary call, which must succeed."""
    done = call(name, *CALLS[name], *more, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done


def rows(column: int, *, empty: bool = False) -> pytest.MarkDecorator:
    """For every command whose cell of a column is empty, or is not."""
    names = [name for name, cells in ROWS.items() if (not cells[column]) == empty]
    return pytest.mark.parametrize("name", names)


class OwnProcess:
    """Encodes documents here, in place of worker processes, which would not know the fakes."""

    def __init__(self, workers: int | None) -> None:
        pass

    def encode(self, recipe: Recipe, tasks: Sequence[Task]) -> list[Outcome]:
        return CorpusEncoder(recipe).encode(tasks)


@pytest.fixture(scope="module", autouse=True)
def _fakes() -> Iterator[None]:
    with (
        patch("optimem.build.named_codec", lambda name, reader=None: plain_codec()),
        patch("optimem.corpus.run.LocalEngine", OwnProcess),
    ):
        yield


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files and stores of `CALLS`."""
    folder = tmp_path_factory.mktemp("stocked")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        notes = "".join(f"Line {n} says port {n * 37}.\n" for n in range(60))
        Path("notes.txt").write_text(notes)
        Path("long.txt").write_text(notes * 20)
        Path("short.txt").write_text("Too short to be worth a page.")
        with OpticalMemory.open("store.db") as memory:
            memory.append(SCOPE, [{"id": "m1", "text": "Staging's port is 6543."}])
            memory.flush(SCOPE)
            memory.append("work/bob/gone", "The zinnia ledger.")
        shutil.copy("store.db", "before.db")
        for name, arguments in {
            "compress": ("notes.txt",),
            "encode-corpus": ("notes.txt", "encoded"),
            "export": (SCOPE, "-o", "export.jsonl"),
        }.items():
            assert call(name, *arguments).returncode == 0
        receipt = call("forget", "work/bob/gone", "--yes", "--json").stdout
        Path("receipt.json").write_bytes(receipt)
        sealed = {"OPTIMEM_STORE": "sealed.db", "OPTIMEM_KEY": KEY}
        assert run("remember", SCOPE, "notes.txt", **sealed).returncode == 0
        users = {**SETTINGS["drop-key"], "OPTIMEM_STORE": "users.db"}
        assert run("remember", SCOPE, "notes.txt", **users).returncode == 0
    return folder


@pytest.fixture(autouse=True)
def _in_a_copy(stocked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(stocked, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")


def file_of(name: str) -> str:
    return next(each for each in CALLS[name] if Path(each).is_file())


def test_every_command_but_demo_and_servers_has_a_row() -> None:
    assert set(ROWS) == set(CALLS) == set(cli.commands) - SERVERS - {"demo"}


@rows(STDIN)
def test_standard_input_stands_for_the_file(name: str) -> None:
    file = file_of(name)
    data = Path(file).read_bytes()
    ways = [["-" if each == file else each for each in CALLS[name]]]
    if ROWS[name][STDIN].endswith("or no FILE"):
        ways.append([each for each in CALLS[name] if each != file])
    for number, way in enumerate(ways):
        if name == "compress":
            way += ["-o", "out.omem"]
        if name == "import":  # what is known already would not be counted
            way[-1] = f"{number}.db"
        given = BytesIO(data)
        done = call(name, *way, stdin=given)
        assert (done.returncode, given.tell()) == (0, len(data)), done.stderr
        assert call(name, *way, stdin=b"").stdout != done.stdout


@rows(STDIN, empty=True)
def test_standard_input_is_left_alone(name: str) -> None:
    given = BytesIO(b"for the next command")
    usual(name, stdin=given)
    assert given.tell() == 0


@rows(STDOUT)
def test_data_goes_to_standard_output(name: str) -> None:
    cell = ROWS[name][STDOUT]
    if cell == "what is damaged":
        assert usual(name).stdout == b""
        break_a_record("store.db")
        assert SCOPE.encode() in call(name).stdout
    elif cell == "with `--out -`":
        assert usual(name).stdout == b""
        assert usual(name, "--out", "-").stdout.startswith(b"<!doctype html>")
    else:
        shown = usual(name).stdout
        assert shown
        if cell == "always; the file with `-o -`":
            assert usual(name, "-o", "-").stdout == Path("notes.omem").read_bytes()
        elif cell == "unless `-o FILE`":
            assert usual(name, "-o", "out").stdout == b""
            assert timeless(Path("out").read_bytes()) == timeless(shown)
        elif cell == "always; the cost with `-o FOLDER`":
            assert b"ratio" in usual(name, "-o", "out").stdout
            assert json.loads(Path("out/messages.json").read_text()) == json.loads(shown)
        else:
            assert cell == "always"


def timeless(data: bytes) -> bytes:
    """An export without the time at its start and the hash at its end; other data as it is."""
    lines = data.splitlines(keepends=True)
    return b"".join(lines[1:-1] if data.startswith(b"{") else lines)


@rows(STDOUT, empty=True)
def test_a_command_without_data_is_silent(name: str) -> None:
    assert usual(name).stdout == b""


@rows(SEVERAL)
def test_several_inputs(name: str) -> None:
    if ROWS[name][SEVERAL] == "each ID":
        assert usual(name, "notes.txt", "notes.txt").stdout
        assert call(name, *CALLS[name], "notes.txt", "other").returncode == 1
        return
    file, cell = file_of(name), ROWS[name][SEVERAL]
    second = Path(f"second{Path(file).suffix}")
    more = b"One more line.\n" if second.suffix == ".txt" else b""
    second.write_bytes(Path(file).read_bytes() + more)
    at = CALLS[name].index(file)
    both = (*CALLS[name][: at + 1], str(second), *CALLS[name][at + 1 :])
    if cell == "one after the other":
        assert call(name, *both).stdout == usual(name).stdout * 2
    elif cell.startswith("each text its own file"):
        assert call(name, *both).returncode == 0
        assert call("read", "second.omem").stdout == second.read_bytes()
    else:
        assert cell == "each file"
        found = json.loads(call(name, *both, "--json").stdout)
        if name == "eval":
            assert found["names"][:2] == [file, str(second)]
        else:
            assert found["added"] + found["duplicates"] == 2


@rows(SEVERAL, empty=True)
def test_more_inputs_than_a_command_takes_are_wrong_usage(name: str) -> None:
    assert call(name, *CALLS[name], *["more"] * 3).returncode == 2


@rows(JSON)
def test_json_is_printed(name: str) -> None:
    cell = ROWS[name][JSON]
    option = {"JSON Lines": [], "`--jsonl`": ["--jsonl"]}.get(cell, ["--json"])
    shown = usual(name, *option).stdout
    for text in [shown] if cell == "yes" else shown.splitlines():
        json.loads(text)
    assert shown


@rows(JSON, empty=True)
def test_a_command_without_json_refuses_the_option(name: str) -> None:
    assert call(name, *CALLS[name], "--json").returncode == 2


@pytest.mark.parametrize("name", ROWS)
def test_a_shell_completes(name: str) -> None:
    cell = ROWS[name][COMPLETES]
    words = f"optimem {name} "
    first = completed(words)
    assert ("file," in first) == (cell in ("files", "scopes or files"))
    assert (f"plain,{SCOPE}" in first) == cell.startswith("scopes")
    if cell == "scopes, files":
        assert completed(f"{words} {SCOPE} ") == ["file,"]


def completed(words: str) -> list[str]:
    """What bash is offered for the word that begins."""
    done = run(
        _OPTIMEM_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(len(words.split())),
        OPTIMEM_STORE="store.db",
    )  # fmt: skip
    return done.stdout.decode().splitlines()


def break_a_record(store: str) -> None:
    with sqlite3.connect(store) as db:
        longest = "SELECT max(length(value)) FROM entries"
        db.execute(f"UPDATE entries SET value = x'00' WHERE length(value) = ({longest})")
    db.close()


def _refuse_copying() -> Done:
    usual("copy")
    usual("remember")
    return call("copy", *CALLS["copy"])


def _leave_a_trace() -> Done:
    with patch.object(SQLiteStore, "purge", lambda self: ["the log of the store"]):
        return call("purge")


def _leave_a_broken_record(name: str, store: str) -> Done:
    break_a_record(store)
    return call(name, *CALLS[name])


def _meet_another_model() -> Done:
    other = PlainModel({}, fingerprint="plain-0")
    with OpticalMemory.open("store.db", codec=PageCodec(PlainRenderer(), other, other)) as memory:
        memory.append("other", "words")
        memory.flush("other")
    return call("reencode")


FAILURES: dict[str, Callable[[], Done]] = {
    "compress-prompt": lambda: call("compress-prompt", "short.txt", "--model", "gpt-4o"),
    "recall": lambda: call("recall", SCOPE, "zeppelin"),
    "ask": lambda: call("ask", SCOPE, "who flew the zeppelin?"),
    "verify-receipt": lambda: call("verify-receipt", "receipt.json", "--store", "before.db"),
    "copy": _refuse_copying,
    "check": lambda: _leave_a_broken_record("check", "store.db"),
    "purge": _leave_a_trace,
    "rotate-keys": lambda: _leave_a_broken_record("rotate-keys", "sealed.db"),
    "drop-key": lambda: call("drop-key", "work/nobody", "--yes"),
    "reencode": _meet_another_model,
    "reindex": lambda: _leave_a_broken_record("reindex", "store.db"),
}
"""What the column names, brought about."""


@rows(FAILS)
def test_what_else_exits_with_1(name: str) -> None:
    done = FAILURES[name]()
    assert (done.returncode, b"Traceback" in done.stderr) == (1, False), done.stderr


@pytest.mark.parametrize("name", ROWS)
def test_wrong_usage_exits_with_2(name: str) -> None:
    assert call(name, "--no-such-option").returncode == 2


@pytest.mark.parametrize(
    "name", [n for n, cells in ROWS.items() if cells[COMPLETES].startswith("scopes")]
)
def test_an_unknown_scope_is_an_error_with_what_comes_close(name: str) -> None:
    if name == "remember":
        return  # makes it
    arguments = [each.replace("monday", "munday") for each in CALLS[name]] or ["work/ann/munday"]
    done = call(name, *arguments)
    assert (done.returncode, f"did you mean {SCOPE}?".encode() in done.stderr) == (1, True), name
