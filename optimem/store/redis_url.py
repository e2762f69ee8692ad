"""Redis URLs: which client each one makes.

    redis://user:password@host:6379/0                    a server; rediss:// over TLS
    unix:///run/redis.sock                               a server of this machine
    redis+sentinel://user:password@host:26379,host:26379/service/0   the service's primary
    redis+cluster://user:password@host:6379              a cluster, by any of its nodes

`valkey` stands for `redis`, and `valkeys` for `rediss`. Options follow "?", as redis-py names
them: `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile` and others.
"""

import re
from typing import Any
from urllib.parse import urlsplit

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.connection import SSLConnection, parse_url
from redis.exceptions import RedisClusterException
from redis.retry import Retry
from redis.sentinel import Sentinel

from optimem.errors import InputError
from optimem.store.arguments import redacted

SENTINEL_PORT = 26379

_SYNC_CONNECTIONS: dict[type[Any], type[Any]] = {
    redis.asyncio.Connection: redis.Connection,
    redis.asyncio.SSLConnection: redis.SSLConnection,
    redis.asyncio.UnixDomainSocketConnection: redis.UnixDomainSocketConnection,
}
_FOLLOWED = {
    "host", "port", "path", "db", "username", "password", "credential_provider", "protocol",
    "socket_timeout", "socket_connect_timeout", "client_name", "decode_responses",
}  # fmt: skip
"""Settings of an asynchronous client that its synchronous twin takes over."""


def connect(url: str, timeout: float) -> redis.Redis | redis.RedisCluster:
    """A client for a URL. It retries once, because the server may have dropped a pooled
    connection. Raises InputError for a URL that cannot be used."""
    scheme, _, rest = url.partition("://")
    scheme = re.sub("^valkey", "redis", scheme.lower())
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 1),
    }
    _check_credentials(url)
    try:
        if scheme.endswith("+cluster"):
            return _cluster(f"{scheme.removesuffix('+cluster')}://{rest}", options)
        if scheme.endswith("+sentinel"):
            return _primary(f"{scheme.removesuffix('+sentinel')}://{rest}", options)
        return redis.Redis.from_url(f"{scheme}://{rest}", **options)
    except (ValueError, TypeError) as error:
        reason = "" if "@" in url else f": {error}"  # a message may quote a piece of a password
        raise InputError(
            f"{redacted(url)} is not a Redis URL{reason}; write redis://user:password@host:6379/0"
        ) from None


def sync_twin(client: redis.asyncio.Redis) -> redis.Redis:
    """A client that leads where an asynchronous one does, with its credentials and TLS settings.
    Raises InputError for one that sentinels direct, or of a kind of connection of its own."""
    pool = client.connection_pool
    if type(pool).__module__ != redis.asyncio.ConnectionPool.__module__:
        raise InputError(
            "an asynchronous client of a Sentinel service cannot be followed; give its URL, "
            "redis+sentinel://host:26379/service"
        )
    kind = _SYNC_CONNECTIONS.get(pool.connection_class)
    if kind is None:
        raise InputError(
            f"a client with connections of {pool.connection_class.__name__} cannot be followed; "
            "give a URL, or a synchronous redis.Redis"
        )
    options = {
        name: value
        for name, value in pool.connection_kwargs.items()
        if name in _FOLLOWED or name.startswith("ssl_")
    }
    twin = redis.ConnectionPool(connection_class=kind, retry=Retry(NoBackoff(), 1), **options)
    return redis.Redis.from_pool(twin)


def _check_credentials(url: str) -> None:
    """Raises InputError for a URL in which the user or the password ends too early."""
    parts = urlsplit(url)
    if "@" in url and parts.netloc and "@" not in parts.netloc:
        raise InputError(
            f"{redacted(url)} has a user or password with a character that ends them; write / as "
            "%2F, ? as %3F, # as %23 and @ as %40"
        )


def _cluster(url: str, options: dict[str, Any]) -> redis.RedisCluster:
    try:
        return redis.RedisCluster.from_url(url, **options)
    except RedisClusterException as error:
        if "Cluster mode is not enabled" not in str(error):
            raise
        raise InputError(f"{redacted(url)} is not a cluster; give this URL as it is here") from None


def _primary(url: str, options: dict[str, Any]) -> redis.Redis:
    """The client of a service's primary, which asks the sentinels anew for each connection."""
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    service, _, database = parts.path.strip("/").partition("/")
    if not service or not hosts:
        raise ValueError("it names no service: redis+sentinel://host:26379/service")
    plain = f"{parts.scheme}://{credentials}{'@' if credentials else ''}host/{database or 0}"
    given: dict[str, Any] = parse_url(f"{plain}?{parts.query}")  # type: ignore[no-untyped-call]
    given.pop("host")
    if given.pop("connection_class", None) is SSLConnection:
        given["ssl"] = True
    secure = {name: value for name, value in given.items() if name.startswith("ssl")}
    sentinels: Any = Sentinel(  # type: ignore[no-untyped-call]
        [_address(host) for host in hosts.split(",")],
        sentinel_kwargs={**options, **secure, **_of_sentinels(given)},
        **options,
        **given,
    )
    client: redis.Redis = sentinels.master_for(service)
    return client


def _of_sentinels(given: dict[str, Any]) -> dict[str, Any]:
    """Take the sentinels' own user and password out of the options."""
    names = ("sentinel_username", "sentinel_password")
    return {name.removeprefix("sentinel_"): given.pop(name) for name in names if name in given}


def _address(host: str) -> tuple[str, int]:
    parts = urlsplit(f"//{host}")
    if not parts.hostname:
        raise ValueError(f"{host!r} is not a host")
    return parts.hostname, parts.port or SENTINEL_PORT
