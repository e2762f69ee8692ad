"""Where items lie in a store, and the keys of their entries. Never sees their bytes.

A collection is spread over a fixed number of scopes, its *shards*, by a hash of the first label
of an item's namespace. So

- everything under one first label lies in one shard and changes in one atomic commit;
- a search below a namespace scans one range of keys in one shard, however many namespaces there
  are, and a search over everything scans one range in each shard. No other scope is read, and
  there is no list of namespaces to keep up to date;
- on a cluster, namespaces spread over the slots.

An item is two entries that always change together:

    item:<path>                  its value
    mark:<path>/<stamp><flag>    its *mark*: the words it is found by, and when it expires

A path is `/label/label//key`, with "/" and "%" escaped in labels. Labels are never empty, so the
first "//" ends them, and the paths below a namespace form one range. A stamp is the time of the
put and a random number, so no two marks ever share a key, even if an item is deleted and put
again: whoever acts on an outdated item finds its mark gone. (Versions alone would not show it,
because a new entry starts at version 1 again.) The flag says whether the item can expire.

No entry has a due time: the due queue belongs to the memory that may share the store.
"""

from secrets import token_hex
from typing import NamedTuple
from zlib import crc32

from optimem.errors import InputError, ScopeError
from optimem.turns import RESERVED, Scope

Namespace = tuple[str, ...]

HOME = f"{RESERVED}items"
"""The namespace of the shards' scopes."""

SHARDS = 16
"""Shards of a collection. Part of the layout: with another number, no item would be found."""

ITEMS, MARKS = "item:", "mark:"
_TTL, _NO_TTL = "t", "k"
_TIME_DIGITS, _RANDOM_DIGITS = 14, 8
_SUFFIX = len("/") + _TIME_DIGITS + _RANDOM_DIGITS + len(_TTL)


class Address(NamedTuple):
    """An item's namespace, of one or more labels, and its key."""

    namespace: Namespace
    key: str


class MarkName(NamedTuple):
    """What the key of a mark says: the item's address, its stamp, and whether it can expire."""

    address: Address
    stamp: str
    has_ttl: bool

    @property
    def entry_key(self) -> str:
        """The key of the mark's entry."""
        return f"{MARKS}{_path(self.address)}/{self.stamp}{_TTL if self.has_ttl else _NO_TTL}"

    @property
    def updated(self) -> int:
        """When the item was put, in microseconds since the epoch."""
        return int(self.stamp[:_TIME_DIGITS], 16)

    @classmethod
    def parse(cls, entry_key: str) -> "MarkName":
        """Parse the key of a mark's entry."""
        labels, _, key = entry_key[len(MARKS) : -_SUFFIX].partition("//")
        namespace = tuple(_unescaped(label) for label in labels[1:].split("/"))
        stamp, flag = entry_key[1 - _SUFFIX : -1], entry_key[-1]
        return cls(Address(namespace, key), stamp, flag == _TTL)


def item_entry_key(address: Address) -> str:
    """The key of the entry that holds an item's value."""
    return ITEMS + _path(address)


def mark_prefix(namespace: Namespace) -> str:
    """The prefix shared by the marks of all items in a namespace and below it."""
    return f"{MARKS}{_labels(namespace)}/"


def new_stamp(now: int) -> str:
    """A unique stamp. `now`: microseconds since the epoch."""
    return f"{now:0{_TIME_DIGITS}x}{token_hex(_RANDOM_DIGITS // 2)}"


def check_address(address: Address) -> None:
    """Raises InputError for a namespace without labels or with an empty one, and for a label or
    key that is not a string."""
    namespace, key = address
    if not namespace or not all(isinstance(label, str) and label for label in namespace):
        raise InputError(
            f"{namespace!r} is not a namespace; give one or more labels, none of them empty"
        )
    if not isinstance(key, str):
        raise InputError(f"the key {key!r} in {namespace!r} is a {type(key).__name__}; give a str")


def shard_scopes(collection: str) -> list[Scope]:
    """The scopes of a collection's shards. Raises ScopeError for an unusable name."""
    try:
        return [
            Scope(namespace=HOME, user=collection, session=f"{number:02d}")
            for number in range(SHARDS)
        ]
    except ScopeError as error:
        raise ScopeError(f"{collection!r:.200} cannot name a collection: {error}") from error


def shard_of(root: str) -> int:
    """The shard of everything below a first label: the same in every process and release."""
    return crc32(root.encode("utf-8", "surrogatepass")) % SHARDS


def _path(address: Address) -> str:
    return f"{_labels(address.namespace)}//{address.key}"


def _labels(namespace: Namespace) -> str:
    escaped = (label.replace("%", "%25").replace("/", "%2F") for label in namespace)
    return "".join(f"/{label}" for label in escaped)


def _unescaped(label: str) -> str:
    return label.replace("%2F", "/").replace("%25", "%")
