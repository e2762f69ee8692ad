"""The commands over a store, run as a user runs them. Nothing is on pages yet: no model loads."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import run
from tests.docs.openai_server import openai_server

CHAT = b"user: staging listens on port 6543, through pgbouncer.\nassistant: Noted.\n"
SCOPE = "a/b/c"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("memory") / "m.db")
    done = run("remember", SCOPE, "-", "--chat", "--store", path, stdin=CHAT)
    assert done.returncode == 0, done.stderr
    return path


def test_a_memory_from_start_to_end(tmp_path: Path) -> None:
    store = str(tmp_path / "m.db")
    chat = b"user: which port does staging use?\nassistant: Port 6543,\nthrough pgbouncer.\n"
    done = run("remember", "a/b/c", "-", "--chat", "--store", store, stdin=chat)
    assert b"2 turns remembered" in done.stdout, done.stderr
    (hit,) = json.loads(run("recall", "a/b/c", "pgbouncer", "--json", "--store", store).stdout)
    assert hit["text"] == "Port 6543,\nthrough pgbouncer."
    turns = json.loads(run("reconstruct", "a/b/c", "--json", OPTIMEM_STORE=store).stdout)
    assert [turn["role"] for turn in turns] == ["user", "assistant"]
    stats = json.loads(run("stats", "--json", "--store", store).stdout)
    assert (stats["turns"], stats["pages"]) == (2, 0)
    assert b"0 pages would fade" in run("sweep", "--dry-run", "--store", store).stdout
    refused = run("forget", "a/b/c", "--store", store, stdin=b"n\n")
    assert (refused.returncode, b"nothing was changed" in refused.stderr) == (0, True)
    assert run("forget", "a/b/c", "--store", store, stdin=b"").returncode == 130
    receipt = json.loads(run("forget", "a/b/c", "--yes", "--json", "--store", store).stdout)
    assert (receipt["turns"], receipt["left"], receipt["residue"]) == (2, 0, [])
    assert run("purge", "--store", store).stdout == b"purged\n"
    missing = run("pin", "a/b/c", "x", "--store", store)
    assert missing.returncode == 1
    assert b"a/b/c holds nothing" in missing.stderr


def test_a_chat_of_people_and_what_they_mean(tmp_path: Path) -> None:
    setting = {
        "OPTIMEM_STORE": str(tmp_path / "m.db"),
        "OPTIMEM_EMBEDDINGS": "tests.memory.embedders:embed",
    }
    chat = b"Ann: The hound is asleep" + b" on its rug" * 9 + b"\nBen: user: no\nand again\n"
    people = ("--speaker", "Ann", "--speaker", "ben=assistant")
    done = run("remember", "s", "--chat", *people, stdin=chat, **setting)
    assert done.returncode == 0, done.stderr
    (hit,) = json.loads(run("recall", "s", "puppy", "-k", "1", "--json", **setting).stdout)
    assert (hit["name"], hit["role"], hit["why"][0]["stage"]) == ("Ann", "user", "meaning")
    (told,) = json.loads(run("recall", "s", "Ben", "-k", "1", "--json", **setting).stdout)
    assert (told["role"], told["text"]) == ("assistant", "user: no\nand again")
    wrong = run("remember", "s", "--speaker", "Ann", stdin=chat, **setting)
    assert (wrong.returncode, b"is for --chat" in wrong.stderr) == (2, True)
    setting["OPTIMEM_EMBEDDINGS"] = "no_such_module:x"
    missing = run("recall", "s", "puppy", **setting)
    assert (missing.returncode, b"cannot find the embedding model" in missing.stderr) == (1, True)


def test_turns_are_shown_with_their_age_and_certainty(tmp_path: Path) -> None:
    store = str(tmp_path / "m.db")
    turn = json.dumps({"role": "user", "text": "Port 6543.", "id": "m1", "time": 0}).encode()
    done = run("remember", "s", "--jsonl", "--store", store, stdin=turn)
    assert done.returncode == 0, done.stderr
    done = run("recall", "s", "port", "--now", "1970-01-03", "--store", store)
    header, text, _ = done.stdout.decode().split("\n", 2)
    assert header == "user · 1970-01-01 00:00 · 2 days ago · tail · exact · m1 · words: port"
    assert text == "Port 6543."
    done = run("recall", "s", "bergen", "--store", store)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"nothing readable matches\n")


def test_a_time_that_is_none_is_named(store: str) -> None:
    done = run("sweep", "--now", "soon", "--store", store)
    assert (done.returncode, b"'soon' is not a time" in done.stderr) == (1, True)


def test_a_user_is_forgotten_in_every_session(tmp_path: Path) -> None:
    store = str(tmp_path / "m.db")
    for session in ("monday", "tuesday"):
        run("remember", f"work/ann/{session}", "--store", store, stdin=session.encode())
    run("remember", "work/bob/monday", "--store", store, stdin=b"stays")
    done = run("forget", "work/ann", "--user", "--yes", "--json", "--store", store)
    receipt = json.loads(done.stdout)
    assert sorted(receipt["scopes"]) == ["work/ann/monday", "work/ann/tuesday"]
    assert json.loads(run("stats", "--json", "--store", store).stdout)["turns"] == 1


def test_the_answer_comes_first_then_its_source(store: str) -> None:
    done = run("ask", SCOPE, "Which port does staging use?", "--store", store)
    assert done.returncode == 0, done.stderr
    answer, source = done.stdout.decode().splitlines()
    assert answer == "staging listens on port 6543, through pgbouncer."
    assert source.startswith("[1] user, just now · not on a page yet · exact · ")


def test_what_is_not_known_exits_with_1(store: str) -> None:
    done = run("ask", SCOPE, "Who is the mayor of Bergen?", "--store", store)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"I do not know")


def test_json_holds_the_whole_answer_known_or_not(store: str) -> None:
    done = run("ask", SCOPE, "Which port does staging use?", "--k", "2", "--json", "--store", store)
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["known"], answer["source"]) == (0, True, "quoted")
    (passage,) = answer["passages"]
    assert passage["parts"] == [{"page": None, "tier": "tail", "boxes": []}]
    done = run("ask", SCOPE, "Who is the mayor of Bergen?", "--json", "--store", store)
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["known"], answer["passages"]) == (1, False, [])
    assert answer["nearest"] == []


def test_an_unknown_answer_offers_what_recall_finds(store: str) -> None:
    question = "Who is the mayor of the port of Bergen?"
    done = run("ask", SCOPE, question, "--store", store)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"I do not know" in done.stderr
    assert b"Nearest:" in done.stderr
    assert b"staging listens on port 6543" in done.stderr
    found = json.loads(run("recall", SCOPE, question, "--json", "--store", store).stdout)
    answer = json.loads(run("ask", SCOPE, question, "--json", "--store", store).stdout)
    assert [turn["id"] for turn in answer["nearest"]] == [turn["id"] for turn in found]


def test_a_model_on_a_server_answers(store: str) -> None:
    question = "Which port does staging use?"
    with openai_server() as url:
        done = run("ask", SCOPE, question, "--server", url, "--budget", "600", "--store", store)
        assert done.returncode == 0, done.stderr
        answer, source = done.stdout.decode().splitlines()
        assert answer == "It is port 6543 [1]."
        assert source.startswith("[1] user")
        few = run("ask", SCOPE, question, "--server", url, "--budget", "9", "--store", store)
        assert b"budget=9 tokens are too few" in few.stderr
    alone = run("ask", SCOPE, question, "--llm", "small", "--store", store)
    assert alone.returncode == 2
    assert b"give --server too" in alone.stderr


def test_several_files_and_what_is_typed(tmp_path: Path) -> None:
    store = str(tmp_path / "m.db")
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(f"text of {name}")
    files = [str(tmp_path / "a.txt"), "-", str(tmp_path / "b.txt")]
    done = run("remember", "s", *files, "--store", store, stdin=b"typed")
    assert b"3 turns remembered, 0 already known" in done.stdout, done.stderr
    shown = json.loads(run("reconstruct", "s", "--json", "--store", store).stdout)
    assert [turn["text"] for turn in shown] == ["text of a.txt", "typed", "text of b.txt"]


def test_a_terminal_is_told_that_input_is_waited_for(tmp_path: Path) -> None:
    master, terminal = pty.openpty()
    command = [sys.executable, "-m", "optimem.cli", "remember", "s"]
    process = subprocess.Popen(
        [*command, "--store", str(tmp_path / "m.db")],
        stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.write(master, b"typed\n\x04")
    shown, said = process.communicate(timeout=60)
    assert b"reading from the terminal; end with Ctrl-D" in said
    assert b"1 turn remembered" in shown


def test_an_empty_question_is_named(store: str, tmp_path: Path) -> None:
    done = run("ask", SCOPE, " ", "--store", store)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"optimem: cannot recall 16 turns for ' '" in done.stderr
    assert run("ask", SCOPE, "--store", str(tmp_path / "x.db")).returncode == 2
