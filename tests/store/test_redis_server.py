"""What a server must be: one that would lose turns is refused, and a lost part is named."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from optimem.errors import FormatError, InputError, StoreUnavailableError
from optimem.protocols import Change
from optimem.store import open_store
from optimem.store.arguments import scope_tag
from optimem.store.redis import RedisStore
from optimem.store.redis_layout import scope_keys
from tests.servers import REDIS_SERVER, RedisServer, free_port, need_redis
from tests.store.scopes import HOME, put


@pytest.fixture
def policy(client: redis.Redis) -> Iterator[redis.Redis]:
    yield client
    client.config_set("maxmemory-policy", "noeviction")


@pytest.mark.parametrize("name", ["allkeys-lru", "allkeys-lfu", "allkeys-random"])
def test_a_server_that_evicts_is_refused(policy: redis.Redis, redis_url: str, name: str) -> None:
    policy.config_set("maxmemory-policy", name)
    with pytest.raises(InputError, match=rf"{name}.*noeviction"):
        open_store(redis_url)
    assert policy.keys() == []


@pytest.mark.parametrize("name", ["noeviction", "volatile-lru", "volatile-ttl"])
def test_a_server_that_evicts_only_what_expires_serves(
    policy: redis.Redis, redis_url: str, name: str
) -> None:
    policy.config_set("maxmemory-policy", name)
    store = open_store(redis_url)
    put(store, HOME, a=1.0)
    store.close()


def user(client: redis.Redis, *rules: str) -> None:
    client.execute_command("ACL", "SETUSER", "app", "reset", "on", ">pa/ss", "~*", "+@all", *rules)


def test_who_may_ask_only_for_the_setting_is_protected_too(
    policy: redis.Redis, redis_url: str
) -> None:
    user(policy, "-info")
    policy.config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(InputError, match="allkeys-lru"):
        open_store(redis_url.replace("//", "//app:pa%2Fss@", 1))


def test_who_may_not_ask_is_warned(
    client: redis.Redis, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    user(client, "-@dangerous")
    with caplog.at_level(logging.WARNING, logger="optimem"):
        store = open_store(redis_url.replace("//", "//app:pa%2Fss@", 1))
    put(store, HOME, a=1.0)
    store.close()
    (record,) = caplog.records
    assert "maxmemory-policy" in record.getMessage()
    assert "ss" not in record.getMessage().replace("pass", "")


@pytest.mark.parametrize("lost", ["values", "versions", "names"])
def test_a_lost_part_of_a_scope_is_named(client: redis.Redis, lost: str) -> None:
    store = RedisStore(client=client)
    put(store, HOME, a=1.0, b=2.0)
    client.delete(getattr(scope_keys(scope_tag(HOME)), lost))
    for act in (
        lambda: store.get(HOME, ["a"]),
        lambda: store.entries(HOME),
        lambda: store.commit(HOME, [Change("a", b"x")]),
    ):
        with pytest.raises(FormatError, match=r"lost a part of a scope.*home.*forget the scope"):
            act()
    store.clear(HOME)
    put(store, HOME, a=1.0)
    assert [info.key for info in store.entries(HOME)] == ["a"]


def test_a_node_of_a_cluster_names_the_url_of_the_cluster(tmp_path: Path) -> None:
    need_redis(REDIS_SERVER)
    node = RedisServer(tmp_path, "--cluster-enabled", "yes", port=free_port())
    try:
        with pytest.raises(InputError, match=rf"redis\+cluster://127\.0\.0\.1:{node.port}"):
            open_store(node.url)
        with redis.Redis.from_url(node.url) as single, pytest.raises(InputError, match="Cluster"):
            open_store(single)
    finally:
        node.stop()


def test_a_server_behind_the_url_of_a_cluster_is_named(tmp_path: Path) -> None:
    need_redis(REDIS_SERVER)
    server = RedisServer(tmp_path, port=free_port())
    try:
        with pytest.raises(InputError, match="is not a cluster"):
            open_store(server.url.replace("redis:", "redis+cluster:"))
    finally:
        server.stop()


SECRETS = ("hun/ter2", "hun?ter2", "hun#ter2", "12/3hunter2", "hun@ter2", "hunter2", "%68unter2")


@pytest.mark.parametrize("password", SECRETS)
@pytest.mark.parametrize(
    "url",
    [
        "redis://user:{}@127.0.0.1:1/0",
        "rediss://:{}@127.0.0.1:1/0",
        "redis+cluster://user:{}@127.0.0.1:1",
        "redis+sentinel://user:{}@127.0.0.1:1/primary",
        "redis+sentinel://127.0.0.1:1/primary?sentinel_password={}",
        "redis://127.0.0.1:1/0?password={}",
        "redis://user:{}@127.0.0.1:port/0",
        "unix://user:{}@/no/such.sock",
        "postgres://user:{}@host/db",
    ],
)
def test_no_message_shows_a_password(url: str, password: str, tmp_path: Path) -> None:
    with pytest.raises((InputError, StoreUnavailableError)) as caught:
        open_store(url.format(password), timeout=0.5)
    error: BaseException | None = caught.value
    while error:
        assert "ter2" not in str(error)
        assert "hun" not in str(error)
        error = error.__cause__
