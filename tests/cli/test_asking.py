"""`optimem ask`, run as a user runs it, on a memory that is not on pages yet: no model loads."""

import json
from pathlib import Path

import pytest

from tests.cli.test_cli import run

CHAT = b"user: staging listens on port 6543, through pgbouncer.\nassistant: Noted.\n"
SCOPE = "a/b/c"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("asking") / "m.db")
    done = run("remember", SCOPE, "-", "--chat", "--store", path, stdin=CHAT)
    assert done.returncode == 0, done.stderr
    return path


def test_the_answer_comes_first_then_where_it_stands(store: str) -> None:
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
    assert b"optimem: cannot answer ' '" in done.stderr
    assert run("ask", SCOPE, "--store", str(tmp_path / "x.db")).returncode == 2
