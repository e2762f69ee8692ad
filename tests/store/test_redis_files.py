"""The files of a Redis server: what was removed is in them until they are rewritten, and that is
said."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from optimem.protocols import Change
from optimem.store.redis import RedisStore
from tests.servers import PATIENCE, REDIS_SERVER, RedisServer, free_port, need_redis
from tests.store.scopes import HOME, put

SECRET = random.Random(5).randbytes(600)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    need_redis(REDIS_SERVER)
    server = RedisServer(tmp_path, "--appendonly", "yes", port=free_port())
    with redis.Redis.from_url(server.url) as client:
        client.config_set("save", "3600 1")
    yield server
    server.stop()


def holding(folder: Path) -> list[str]:
    """Files in which the secret stands."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return sorted(file.name for file in files if SECRET in file.read_bytes())


def remember_and_forget(store: RedisStore) -> None:
    store.commit(HOME, [Change("a", SECRET), Change("b", b"kept")])
    store.commit(HOME, [Change("a", None)])


def test_a_purge_rewrites_what_a_wipe_names(server: RedisServer, tmp_path: Path) -> None:
    store = RedisStore(server.url)
    store.commit(HOME, [Change("a", SECRET)])
    with redis.Redis.from_url(server.url) as client:
        client.save()
    remember_and_forget(store)
    log, snapshot = store.wipe()
    assert "append-only file" in log
    assert "snapshot" in snapshot
    assert "optimem purge" in log
    assert len(holding(tmp_path)) == 2
    assert store.purge() == []
    deadline = time.monotonic() + PATIENCE
    while holding(tmp_path):  # a thread of the server deletes the old file
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert [info.key for info in store.entries(HOME)] == ["b"]
    store.close()


def test_a_server_without_files_keeps_nothing(redis_url: str, client: redis.Redis) -> None:
    store = RedisStore(client=client)
    remember_and_forget(store)
    assert store.wipe() == []
    assert store.purge() == []


def test_replicas_are_named(server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> None:
    follow = ("--replicaof", f"127.0.0.1 {server.port}")
    replica = RedisServer(tmp_path_factory.mktemp("replica"), *follow, port=free_port())
    store = RedisStore(server.url)
    deadline = time.monotonic() + PATIENCE
    try:
        while len(left := store.purge()) == 0:
            assert time.monotonic() < deadline
        assert "1 replicas" in left[0]
    finally:
        replica.stop()
        store.close()


def test_a_user_who_may_not_ask_is_told_what_to_allow(server: RedisServer) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.execute_command(
            "ACL", "SETUSER", "app", "on", ">pass", "~*", "+@all", "-@dangerous", "+info"
        )
    store = RedisStore(server.url.replace("//", "//app:pass@"))
    put(store, HOME, a=1.0)
    log, rest = store.wipe()
    assert "append-only file" in log
    assert "cannot be looked at" in rest
    (refused,) = store.purge()
    assert "+bgrewriteaof" in refused
    store.close()


def test_a_failed_rewrite_is_told(server: RedisServer, tmp_path: Path) -> None:
    store = RedisStore(server.url)
    remember_and_forget(store)
    tmp_path.joinpath("dump.rdb").unlink(missing_ok=True)
    tmp_path.joinpath("dump.rdb").mkdir()  # no file can take its place
    (left,) = store.purge()
    tmp_path.joinpath("dump.rdb").rmdir()  # or the server would not end
    assert "BGSAVE failed" in left
    store.close()
