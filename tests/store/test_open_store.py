"""Which store an address opens, and that nothing is loaded which it does not need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from optimem.errors import InputError
from optimem.protocols import Change
from optimem.store import open_store
from optimem.store.redis import RedisStore
from optimem.store.sqlite import SQLiteStore
from optimem.turns import Scope

HOME = Scope(session="home")


def test_a_path_in_every_spelling_is_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "notes.db"
    spellings = [file, str(file), f"sqlite:///{file}", "sqlite:///notes.db", "./notes.db"]
    for i, target in enumerate(spellings):
        store = open_store(target)
        assert isinstance(store, SQLiteStore)
        store.commit(HOME, [Change("count", b"x", expect=i)])
        store.close()
    assert sorted(os.listdir(tmp_path)) == ["notes.db", "notes.db-reserve"]


def test_memory_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for target in (":memory:", "sqlite://", "sqlite:///:memory:"):
        store = open_store(target)
        store.commit(HOME, [Change("a", b"x", expect=0)])
        store.close()
    assert os.listdir(tmp_path) == []


def test_a_redis_url_opens_redis(redis_url: str) -> None:
    store = open_store(redis_url)
    assert isinstance(store, RedisStore)
    store.close()


@pytest.mark.parametrize(
    "target",
    ["", "postgres://host/db", "http://x", "file:x.db", "redis:host", "sqlite:x.db", "a1:x.db"],
)
def test_another_address_is_refused_with_the_choices(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"redis://.*redis\+cluster://"):
        open_store(target)
    assert os.listdir(tmp_path) == []


def test_a_refusal_hides_the_password() -> None:
    with pytest.raises(InputError) as caught:
        open_store("postgres://user:hunter2@host/db")
    assert "hunter2" not in str(caught.value)


def test_sqlite_loads_neither_redis_nor_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from optimem.store import open_store; open_store(sys.argv[1]);"
        "assert not {'redis', 'torch', 'langchain_core'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.db")], check=True, timeout=60)
