"""Names in a store: how a scope becomes a tag, and every Redis key. Knows no client.

A tag is `namespace:user:session`, each part percent-encoded and empty parts kept, so that no
two scopes share a tag and no character of a scope can end a Redis hash tag early. All keys of
a scope carry its tag in braces and thus live in one slot of a cluster.
"""

from typing import NamedTuple
from urllib.parse import quote, unquote
from zlib import crc32

from optimem.errors import InputError
from optimem.turns import Scope

LAYOUT = 1
"""Version of the data layout in Redis."""

LAYOUT_KEY = "optimem:layout"
"""Holds the newest layout ever used on a server."""

SHARDS = 16
"""Parts of the scope index. Part of the layout: changing it needs a new LAYOUT."""


class ScopeKeys(NamedTuple):
    """The keys of one scope, all in one slot.

    `values` hash of name → bytes; `versions` hash of name → version; `names` sorted set of
    names in byte order; `due` sorted set of name → seconds; `meta` hash of the scope's size,
    bound and last commit; `intent` a writer's token while it announces the scope.
    """

    values: str
    versions: str
    names: str
    due: str
    meta: str
    intent: str


class ShardKeys(NamedTuple):
    """The keys of one shard of the scope index, both in one slot.

    `queue` sorted set of tag → a time no later than the scope's earliest due time;
    `tokens` hash of tag → token of the last announcement.
    """

    queue: str
    tokens: str


def key(tag: str, part: str) -> str:
    """The one place where Redis keys are made."""
    return f"optimem:v{LAYOUT}:{{{tag}}}:{part}"


def scope_tag(scope: Scope) -> str:
    """`namespace:user:session`, percent-encoded."""
    parts = (scope.namespace, scope.user, scope.session)
    return ":".join(quote(part, safe="") for part in parts)


def scope_of(tag: str) -> Scope:
    """The scope that a tag stands for."""
    namespace, user, session = (unquote(part) for part in tag.split(":"))
    return Scope(session=session, user=user, namespace=namespace)


def scope_keys(tag: str) -> ScopeKeys:
    """The keys of the scope with this tag."""
    return ScopeKeys(*(key(tag, part) for part in ScopeKeys._fields))


def shard_keys(shard: int) -> ShardKeys:
    """The keys of a shard; its tag has no colon, so it is no scope's."""
    return ShardKeys(*(key(f"shard-{shard:02d}", part) for part in ShardKeys._fields))


def shard_of(tag: str) -> int:
    """The shard that lists this scope; the same in every process and release."""
    return crc32(tag.encode()) % SHARDS


def name_bytes(name: str) -> bytes:
    """An entry's name as stored. Raises InputError if it is not text."""
    try:
        return name.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"the key {name!r} holds a lone surrogate at {error.start}; use valid text"
        ) from None
