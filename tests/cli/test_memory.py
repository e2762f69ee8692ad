"""The commands over a store, run as a user runs them. Nothing is on pages yet: no model loads."""

import json
from pathlib import Path

import pytest

from tests.cli.command import run

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
    assert run("forget", "a/b/c", "--store", store, stdin=b"n\n").returncode == 130
    receipt = json.loads(run("forget", "a/b/c", "--yes", "--json", "--store", store).stdout)
    assert (receipt["turns"], receipt["left"], receipt["residue"]) == (2, 0, [])
    assert run("purge", "--store", store).stdout == b"purged\n"
    missing = run("pin", "a/b/c", "x", "--store", store)
    assert missing.returncode == 1
    assert b"holds no turn 'x'" in missing.stderr


def test_turns_are_shown_with_their_age_and_certainty(tmp_path: Path) -> None:
    store = str(tmp_path / "m.db")
    turn = json.dumps({"role": "user", "text": "Port 6543.", "id": "m1", "time": 0}).encode()
    done = run("remember", "s", "--jsonl", "--store", store, stdin=turn)
    assert done.returncode == 0, done.stderr
    done = run("recall", "s", "port", "--now", "1970-01-03", "--store", store)
    header, text, _ = done.stdout.decode().split("\n", 2)
    assert header == "user · 1970-01-01 00:00 · 2 days ago · tail · exact · m1"
    assert text == "Port 6543."
    done = run("recall", "s", "bergen", "--store", store)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"nothing readable matches\n")


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


def test_an_empty_question_is_named(store: str, tmp_path: Path) -> None:
    done = run("ask", SCOPE, " ", "--store", store)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"optimem: cannot recall 5 turns for ' '" in done.stderr
    assert run("ask", SCOPE, "--store", str(tmp_path / "x.db")).returncode == 2
