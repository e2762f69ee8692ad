"""The Redis store: the suite on a server and, in part, a cluster; then what only Redis can
get wrong."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import redis.asyncio

from optimem.errors import (
    FormatError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
    VersionError,
)
from optimem.protocols import Change
from optimem.store import open_store
from optimem.store.arguments import scope_tag
from optimem.store.redis import RedisStore
from optimem.store.redis_layout import LAYOUT_KEY, scope_keys
from optimem.turns import Scope
from tests.servers import PATIENCE, REDIS_CLI, REDIS_SERVER, RedisServer, free_port, need_redis
from tests.store.conformance import StoreSuite
from tests.store.scopes import AWAY, HOME, HOSTILE, put


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisStore]:
    store = RedisStore(redis_url)
    yield store
    store.close()


class TestRedisStore(StoreSuite):
    @pytest.fixture
    def url(self, redis_url: str) -> str:
        return redis_url


class TestClient:
    def test_a_given_client_serves_and_stays_open(self, client: redis.Redis) -> None:
        store = RedisStore(client=client)
        put(store, HOME, a=1.0)
        connections = client.connection_pool
        store.close()
        assert client.connection_pool is connections
        assert client.ping()
        assert open_store(client).claim_due(now=2, limit=1, lease=1) == [(HOME, "a")]

    def test_a_client_of_protocol_2_and_of_3_read_alike(self, redis_url: str) -> None:
        for protocol in (2, 3):
            with redis.Redis.from_url(redis_url, protocol=protocol) as client:
                store = RedisStore(client=client)
                put(store, HOME, a=0.1, b=0.2)
                assert store.peek_due(now=0.3, limit=9) == [(HOME, "a"), (HOME, "b")]
                assert [info.due for info in store.entries(HOME)] == [0.1, 0.2]
                assert list(store.scopes()) == [HOME]


class TestLayout:
    def test_clear_leaves_no_key(self, store: RedisStore, client: redis.Redis) -> None:
        for scope in HOSTILE:
            put(store, scope, a=1.0, b=2.0)
        store.claim_due(now=9, limit=3, lease=1)
        for scope in HOSTILE:
            store.clear(scope)
        assert client.keys() == [LAYOUT_KEY.encode()]

    def test_deleting_the_last_entry_leaves_no_key(
        self, store: RedisStore, client: redis.Redis
    ) -> None:
        put(store, HOME, a=1.0, b=2.0)
        store.commit(HOME, [Change("a", None), Change("b", None)])
        assert client.keys() == [LAYOUT_KEY.encode()]

    def test_a_newer_layout_is_refused_and_left_alone(self, client: redis.Redis) -> None:
        for value, error in ((b"2", VersionError), (b"x", FormatError)):
            client.set(LAYOUT_KEY, value)
            with pytest.raises(error, match=LAYOUT_KEY if error is FormatError else "upgrade"):
                RedisStore(client=client)
            assert client.keys() == [LAYOUT_KEY.encode()]
            assert client.get(LAYOUT_KEY) == value

    def test_a_foreign_value_under_our_key(self, store: RedisStore, client: redis.Redis) -> None:
        client.set(scope_keys(scope_tag(HOME)).values, "theirs")
        with pytest.raises(StoreError, match="WRONGTYPE"):
            put(store, HOME, a=1.0)


class TestTrouble:
    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[RedisServer]:
        need_redis(REDIS_SERVER)
        options = ("--appendonly", "yes", "--appendfsync", "always")
        server = RedisServer(tmp_path, *options, port=free_port())
        yield server
        server.stop()

    def test_a_dead_server_and_its_return(self, server: RedisServer) -> None:
        store = RedisStore(server.url, timeout=2)
        put(store, HOME, a=1.0, b=7.0)
        store.claim_due(now=2, limit=1, lease=1)
        server.kill()
        for act in (
            lambda: put(store, HOME, c=1.0),
            lambda: store.get(HOME, ["a"]),
            lambda: list(store.scopes()),
            lambda: store.claim_due(now=9, limit=9, lease=1),
            lambda: store.clear(HOME),
            lambda: RedisStore(server.url, timeout=1),
        ):
            with pytest.raises(StoreUnavailableError):
                act()
        server.start()
        assert [info.key for info in store.entries(HOME)] == ["a", "b"]
        assert store.claim_due(now=9, limit=9, lease=1) == [(HOME, "a"), (HOME, "b")]
        assert list(store.scopes()) == [HOME]
        put(store, HOME, c=1.0)  # its scripts are sent anew
        store.close()

    def test_a_full_server_still_reads_sweeps_and_shrinks(
        self, store: RedisStore, client: redis.Redis
    ) -> None:
        store.commit(HOME, [Change("a", b"x" * 9000, due=1.0), Change("b", b"y")])
        before = store.entries(HOME)
        client.config_set("maxmemory", "1")
        try:
            for scope in (HOME, AWAY):
                with pytest.raises(StoreFullError, match="maxmemory"):
                    store.commit(scope, [Change("b", b"yy"), Change("c", b"z")])
            assert store.entries(HOME) == before
            assert list(store.scopes()) == [HOME]
            assert store.claim_due(now=2, limit=9, lease=10) == [(HOME, "a")]
            store.commit(HOME, [Change("a", b"faded", expect=1, due=30.0)])
            assert store.usage(HOME) == 8
            store.commit(HOME, [Change("a", None)])
            assert store.clear(HOME) == 1
        finally:
            client.config_set("maxmemory", "0")


class TestCluster:
    """Three masters: every command and script must stay within one slot."""

    @pytest.fixture(scope="class")
    @classmethod
    def cluster(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
        need_redis(REDIS_SERVER and REDIS_CLI)
        servers = []
        for _ in range(3):
            options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
            folder = tmp_path_factory.mktemp("cluster")
            servers.append(RedisServer(folder, *options, port=free_port()))
        nodes = [server.url.removeprefix("redis://") for server in servers]
        create = [str(REDIS_CLI), "--cluster", "create", *nodes, "--cluster-yes"]
        subprocess.run(create, check=True, stdout=subprocess.DEVNULL, timeout=60)
        wait_until_ok(servers)
        yield servers[0].url.replace("redis://", "redis+cluster://")
        for server in servers:
            server.stop()

    def test_a_life_on_a_cluster(self, cluster: str) -> None:
        store = open_store(cluster)
        scopes = [*HOSTILE, HOME, AWAY, *(Scope(session=f"s{i}") for i in range(20))]
        for i, scope in enumerate(scopes):
            put(store, scope, a=float(i), b=100.0 + i)
        assert set(store.scopes()) == set(scopes)
        assert store.peek_due(now=99, limit=99) == [(scope, "a") for scope in scopes]
        assert store.claim_due(now=99, limit=99, lease=1) == [(scope, "a") for scope in scopes]
        store.commit(HOME, [Change("a", b"faded", expect=1), Change("b", None)])
        assert store.usage(HOME) == 6
        assert store.wipe() == store.purge() == []
        assert sum(store.clear(scope) for scope in scopes) == 2 * len(scopes) - 1
        assert list(store.scopes()) == []
        store.close()

    def test_a_given_cluster_client(self, cluster: str) -> None:
        client = redis.RedisCluster.from_url(cluster.replace("+cluster", ""))
        store = open_store(client)
        put(store, HOME, a=1.0)
        store.close()
        assert store.clear(HOME) == 1
        client.close()


def wait_until_ok(servers: list[RedisServer]) -> None:
    """Wait until every node knows that all slots are served."""
    deadline = time.monotonic() + PATIENCE
    for server in servers:
        with redis.Redis.from_url(server.url) as client:
            while client.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
                assert time.monotonic() < deadline, "the cluster does not form"
                time.sleep(0.05)


def test_a_claim_looks_only_at_scopes_that_have_something_due(
    redis_url: str, client: redis.Redis
) -> None:
    store = open_store(redis_url)
    for number in range(300):
        put(store, Scope(session=f"s{number}"), later=1e6)
    for number in range(3):
        put(store, Scope(session=f"due{number}"), now=5.0)
    client.config_resetstat()
    assert len(store.claim_due(now=10, limit=64, lease=5)) == 3
    calls = sum(stats["calls"] for stats in client.info("commandstats").values())
    assert calls < 150  # 16 shards looked at twice, and three scopes
    store.close()
