"""Where items lie in a store, and what their entries are called. Knows no bytes.

A collection is spread over a fixed number of scopes, its *buckets*, by a hash of the first
label of an item's namespace. So

- everything below one first label lies in one bucket and changes in one atomic commit;
- a search below a prefix is one range of keys in one bucket, however many namespaces there are,
  and a search over everything is one range in each bucket: no scope of anybody else is looked at,
  and no list of namespaces has to be kept true;
- on a cluster, namespaces spread over the slots.

An item is two entries, always changed together:

    item:<path>                  its value
    mark:<path>/<stamp><flag>    the words it is found by and when it expires

A path is `/label/label//key`, with "/" and "%" in labels escaped: labels are never empty, so the
first "//" ends them, and the paths below a namespace are one range. A stamp is the time of the
put and a random number. So no two marks ever share a name, even if an item is deleted and put
again: whoever acts on an item that is no longer the same finds its mark gone. (Versions alone
would not tell: a new entry starts at 1 again.) The flag tells items that expire from others.

No entry is ever due: the decay queue belongs to the memory that may share the store.
"""

from secrets import token_hex
from typing import NamedTuple
from zlib import crc32

from pydantic import ValidationError

from optimem.errors import InputError, ScopeError
from optimem.turns import Scope

Namespace = tuple[str, ...]

HOME = "optimem.items"
"""The scopes' namespace."""

BUCKETS = 16
"""Scopes of a collection. Part of the layout: with another number nothing would be found."""

ITEMS, MARKS = "item:", "mark:"
_TIMED, _KEPT = "t", "k"
_TIME_DIGITS, _RANDOM_DIGITS = 14, 8
_TAIL = 1 + _TIME_DIGITS + _RANDOM_DIGITS + 1


class Address(NamedTuple):
    """An item's namespace, one label or more, and its key."""

    namespace: Namespace
    key: str


class MarkName(NamedTuple):
    """What the name of a mark tells: whose it is, its stamp, and whether the item expires."""

    address: Address
    stamp: str
    timed: bool

    @property
    def entry(self) -> str:
        """The entry's key."""
        return f"{MARKS}{_path(self.address)}/{self.stamp}{_TIMED if self.timed else _KEPT}"

    @property
    def updated(self) -> int:
        """When the item was put: microseconds since the epoch."""
        return int(self.stamp[:_TIME_DIGITS], 16)

    @classmethod
    def parse(cls, entry: str) -> "MarkName":
        """Read an entry's key."""
        labels, _, key = entry[len(MARKS) : -_TAIL].partition("//")
        namespace = tuple(_unescaped(label) for label in labels[1:].split("/"))
        return cls(Address(namespace, key), entry[1 - _TAIL : -1], entry[-1] == _TIMED)


def item_entry(address: Address) -> str:
    """The key of an item's value."""
    return ITEMS + _path(address)


def marks_below(prefix: Namespace) -> str:
    """What the keys of the marks of a namespace and of all below it start with."""
    return f"{MARKS}{_labels(prefix)}/"


def new_stamp(now: int) -> str:
    """A stamp of this moment that nobody else has."""
    return f"{now:0{_TIME_DIGITS}x}{token_hex(_RANDOM_DIGITS // 2)}"


def checked_address(address: Address) -> Address:
    """`address` unchanged. Raises InputError for a namespace that is empty or has an empty
    label, and for what is no text."""
    namespace, key = address
    if not namespace or not all(isinstance(label, str) and label for label in namespace):
        raise InputError(f"{namespace!r} is no namespace; give one or more labels, none empty")
    if not isinstance(key, str):
        raise InputError(f"the key {key!r} in {namespace!r} is no text; give a string")
    return address


def bucket_scopes(collection: str) -> list[Scope]:
    """The scopes of a collection. Raises ScopeError for a name that cannot be used."""
    try:
        return [
            Scope(namespace=HOME, user=collection, session=f"{number:02d}")
            for number in range(BUCKETS)
        ]
    except ValidationError as error:
        raise ScopeError(f"{collection!r:.200} cannot name a collection: {error}") from error


def bucket_of(root: str) -> int:
    """The bucket of everything below a first label; the same in every process and release."""
    return crc32(root.encode("utf-8", "surrogatepass")) % BUCKETS


def _path(address: Address) -> str:
    return f"{_labels(address.namespace)}//{address.key}"


def _labels(namespace: Namespace) -> str:
    escaped = (label.replace("%", "%25").replace("/", "%2F") for label in namespace)
    return "".join(f"/{label}" for label in escaped)


def _unescaped(label: str) -> str:
    return label.replace("%2F", "/").replace("%25", "%")
