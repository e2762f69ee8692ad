"""Redis URLs: each leads to a store on a server of its kind."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from optimem.errors import InputError, StoreUnavailableError
from optimem.store import open_store
from tests.servers import (
    OPENSSL,
    PATIENCE,
    REDIS_SERVER,
    RedisSentinel,
    RedisServer,
    certificates,
    free_port,
    need_redis,
)
from tests.store.scopes import HOME, put

ACL = "app on >pa/ss~word ~optimem:* &* +@all"


def assert_serves(url: str) -> None:
    """A store at the URL writes and reads."""
    store = open_store(url)
    put(store, HOME, a=1.0)
    assert store.claim_due(now=2, limit=9, lease=1) == [(HOME, "a")]
    assert store.clear(HOME) == 1
    store.close()


@pytest.mark.parametrize("scheme", ["redis", "valkey", "REDIS"])
def test_a_server_with_a_user_and_a_database(tmp_path: Path, scheme: str) -> None:
    need_redis(REDIS_SERVER)
    server = RedisServer(tmp_path, port=free_port())
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("ACL", "SETUSER", *ACL.split())
    try:
        assert_serves(f"{scheme}://app:pa%2Fss~word@127.0.0.1:{server.port}/3")
        with pytest.raises(StoreUnavailableError, match="password"):
            open_store(f"{scheme}://app:wrong@127.0.0.1:{server.port}/3")
    finally:
        server.stop()


class TestTls:
    """The server demands a certificate of the client's own."""

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        need_redis(REDIS_SERVER and OPENSSL)
        return certificates(tmp_path_factory.mktemp("tls"))

    def options(self, folder: Path) -> list[str]:
        files = {"ca-cert": "ca.crt", "cert": "server.crt", "key": "server.key"}
        return [part for k, v in files.items() for part in (f"--tls-{k}-file", str(folder / v))]

    def query(self, folder: Path) -> str:
        files = {"ca_certs": "ca.crt", "certfile": "server.crt", "keyfile": "server.key"}
        return "?" + "&".join(f"ssl_{name}={folder / file}" for name, file in files.items())

    def test_a_server(self, folder: Path, tmp_path: Path) -> None:
        port = free_port()
        server = RedisServer(tmp_path, "--tls-port", str(port), *self.options(folder))
        try:
            for scheme in ("rediss", "valkeys"):
                assert_serves(f"{scheme}://127.0.0.1:{port}/0{self.query(folder)}")
            with pytest.raises(StoreUnavailableError, match="certificate"):
                open_store(f"rediss://127.0.0.1:{port}/0")
        finally:
            server.stop()

    def test_a_cluster(self, folder: Path, tmp_path: Path) -> None:
        port = free_port()
        cluster = ("--cluster-enabled", "yes", "--tls-cluster", "yes")
        server = RedisServer(tmp_path, "--tls-port", str(port), *cluster, *self.options(folder))
        try:
            with redis.Redis.from_url(server.url) as client:
                client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            for scheme in ("rediss", "valkeys"):
                assert_eventually(f"{scheme}+cluster://127.0.0.1:{port}{self.query(folder)}")
        finally:
            server.stop()


def assert_eventually(url: str) -> None:
    """A store at the URL serves once the cluster or the sentinels agree."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return assert_serves(url)
        except StoreUnavailableError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


class TestSentinel:
    @pytest.fixture
    def servers(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
        need_redis(REDIS_SERVER)
        first = RedisServer(tmp_path_factory.mktemp("first"), port=free_port())
        follow = ("--replicaof", f"127.0.0.1 {first.port}")
        second = RedisServer(tmp_path_factory.mktemp("second"), *follow, port=free_port())
        yield [first, second]
        for server in (first, second):
            server.stop()

    def test_the_primary_is_found_again_after_it_died(
        self, servers: list[RedisServer], tmp_path: Path
    ) -> None:
        first, second = servers
        sentinel = RedisSentinel(tmp_path, "home", first.port)
        url = f"redis+sentinel://127.0.0.1:1,127.0.0.1:{sentinel.port}/home/0"
        try:
            assert_eventually(url)
            store = open_store(url)
            put(store, HOME, a=1.0)
            with redis.Redis.from_url(first.url) as client:
                assert client.wait(1, int(1000 * PATIENCE)) == 1
            first.kill()
            assert_eventually(url)
            with redis.Redis.from_url(second.url) as client:
                assert client.info("replication")["role"] == "master"
            put(store, HOME, b=1.0)
            assert [info.key for info in store.entries(HOME)] == ["b"]  # cleared by assert_serves
            store.close()
        finally:
            sentinel.stop()

    def test_a_url_without_a_service_is_refused(self) -> None:
        with pytest.raises(InputError, match="names no service"):
            open_store("redis+sentinel://127.0.0.1:26379")


def test_certificates_are_made(tmp_path: Path) -> None:
    need_redis(OPENSSL)
    certificates(tmp_path)
    verify = [str(OPENSSL), "verify", "-CAfile", "ca.crt", "server.crt"]
    subprocess.run(verify, cwd=tmp_path, check=True, capture_output=True)
