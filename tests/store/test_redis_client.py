"""The Redis connection: which URLs and clients it accepts, how scripts run, and how errors read."""

from pathlib import Path

import pytest
import redis
import redis.asyncio
from redis.exceptions import (
    ClusterDownError,
    DataError,
    NoPermissionError,
    OutOfMemoryError,
    ResponseError,
)

from optimem.errors import (
    InputError,
    OptimemError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreUnavailableError,
)
from optimem.protocols import Change
from optimem.store import open_store
from optimem.store.redis import RedisStore
from optimem.store.redis_client import RedisConnection, redis_errors
from optimem.turns import Scope
from tests.servers import RedisServer, free_port


def test_both_or_neither_is_refused(
    redis_url: str, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    with pytest.raises(InputError, match="client"):
        RedisStore(redis_url, client=client)
    with pytest.raises(InputError, match="REDIS_URL"):
        RedisStore()
    monkeypatch.setenv("REDIS_URL", redis_url)
    RedisStore().close()


def test_a_decoding_client_is_refused(redis_url: str) -> None:
    with (
        redis.Redis.from_url(redis_url, decode_responses=True) as client,
        pytest.raises(InputError, match="decode_responses=False"),
    ):
        RedisStore(client=client)
    with pytest.raises(InputError, match="decode_responses=False"):
        RedisStore(f"{redis_url}?decode_responses=True")


def test_what_is_no_client_is_refused() -> None:
    with pytest.raises(InputError, match="nor a client"):
        open_store(7)  # type: ignore[arg-type]


async def test_an_asynchronous_client_is_followed_and_stays_open(
    redis_url: str, tmp_path: Path
) -> None:
    server = RedisServer(tmp_path, port=free_port())
    with redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", "p/w")
    secured = redis.asyncio.Redis(host="127.0.0.1", port=server.port, db=3, password="p/w")
    try:
        for given in (redis.asyncio.Redis.from_url(redis_url), secured):
            store = open_store(given)  # type: ignore[arg-type]
            store.commit(Scope(session="s"), [Change("a", b"1")])
            assert await given.hlen("optimem:v1:{::s}:values") == 1
            store.close()
            assert await given.ping()
            await given.aclose()
    finally:
        server.stop()


def test_an_asynchronous_client_that_cannot_be_followed_is_named() -> None:
    class Own(redis.asyncio.Connection):
        pass

    sentinel = redis.asyncio.sentinel.Sentinel([("127.0.0.1", 1)]).master_for("service")
    own = redis.asyncio.Redis.from_pool(redis.asyncio.ConnectionPool(connection_class=Own))
    for client, remedy in ((sentinel, "redis\\+sentinel://"), (own, "synchronous")):
        with pytest.raises(InputError, match=remedy):
            open_store(client)  # type: ignore[arg-type]


def test_a_url_that_redis_cannot_read() -> None:
    with pytest.raises(InputError, match="not a Redis URL"):
        open_store("redis://host:port/0")


def test_messages_hide_the_password(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError) as caught:
        open_store(f"redis://user:hunter2@127.0.0.1:{free_port()}/0", timeout=1)
    assert "hunter2" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


def test_only_a_client_that_was_made_here_is_closed(
    redis_url: str, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = RedisConnection(redis_url, None, 1), RedisConnection(None, client, 1)
    with monkeypatch.context() as patch:
        closed: list[str] = []
        patch.setattr(redis.Redis, "close", lambda self: closed.append("closed"))
        theirs.close()
        assert closed == []
        ours.close()
        assert closed == ["closed"]
    ours.close()


def test_a_script_is_sent_once_and_again_when_the_server_has_lost_it(
    redis_url: str, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = RedisConnection(redis_url, None, timeout=5)
    execute, commands = connection._execute, list[object]()

    def recorded(*command: object) -> object:
        commands.append(command[0])
        return execute(*command)

    monkeypatch.setattr(connection, "_execute", recorded)
    script = "return {KEYS[1], ARGV[1], ARGV[2]}"
    client.script_flush()
    for _ in range(2):
        assert connection.run(script, ["k"], b"\xff", 7) == [b"k", b"\xff", b"7"]
    client.script_flush()
    assert connection.run(script, ["k"], "é", 7) == [b"k", "é".encode(), b"7"]
    assert commands == ["EVALSHA", "EVAL", "EVALSHA", "EVALSHA", "EVAL"]
    connection.close()


def test_all_fields_of_a_large_hash_are_found(client: redis.Redis) -> None:
    connection = RedisConnection(None, client, timeout=5)
    names = {b"field-%d" % number for number in range(2000)}
    client.hset("large", mapping=dict.fromkeys(names, b""))
    assert set(connection.fields("large")) == names
    assert list(connection.fields("none")) == []


@pytest.mark.parametrize(
    ("error", "ours", "message"),
    [
        (OutOfMemoryError("used memory > 'maxmemory'"), StoreFullError, "raise its maxmemory"),
        (redis.ConnectionError("refused"), StoreUnavailableError, "check that the server"),
        (redis.AuthenticationError("no"), StoreUnavailableError, "password"),
        (redis.TimeoutError("slow"), StoreUnavailableError, "cannot use here: slow"),
        (ClusterDownError("down"), StoreUnavailableError, "down"),
        (NoPermissionError("acl"), StoreUnavailableError, "permissions"),
        (ResponseError("BUSY a script runs"), StoreLockedError, "retry later"),
        (ResponseError("TRYAGAIN slots move"), StoreLockedError, "retry later"),
        (ResponseError("MISCONF no disk"), StoreUnavailableError, "refuses writes"),
        (ResponseError("ERR unknown"), StoreError, "refused a command: ERR unknown"),
        (DataError("odd"), StoreError, "here: odd"),
    ],
)
def test_every_error_of_the_client_becomes_ours(
    error: redis.RedisError, ours: type[OptimemError], message: str
) -> None:
    with pytest.raises(ours, match=message) as caught, redis_errors("here"):
        raise error
    assert type(caught.value) is ours
    assert caught.value.__cause__ is error
