"""The arguments of a store's methods, encoded and checked the same way by every backend.

A scope is stored as its *tag*, `namespace:user:session`: each part is percent-encoded and empty
parts are kept, so that no two scopes share a tag and no character of a scope can close the
braces of a Redis hash tag early. Knows no backend.
"""

import math
from collections.abc import Sequence
from urllib.parse import quote, unquote

from optimem.errors import ConflictError, InputError
from optimem.protocols import Change
from optimem.turns import Scope


def scope_tag(scope: Scope) -> str:
    """The tag of a scope."""
    parts = (scope.namespace, scope.user, scope.session)
    return ":".join(quote(part, safe="") for part in parts)


def scope_of(tag: str) -> Scope:
    """The scope of a tag."""
    namespace, user, session = (unquote(part) for part in tag.split(":"))
    return Scope(session=session, user=user, namespace=namespace)


def key_bytes(key: str) -> bytes:
    """An entry's key as stored, in UTF-8. Raises InputError for a lone surrogate."""
    try:
        return key.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"the key {key!r} has a lone surrogate at position {error.start}; use valid text"
        ) from None


def redacted(url: str) -> str:
    """A URL as messages may show it: without user, password and options. Nothing but its scheme
    if a sign of a password stands where it is unclear what ends there."""
    scheme, separator, rest = url.partition("://")
    place, _, options = rest.partition("?")
    if "@" in options:
        return f"{scheme}{separator}…"
    _, at, place = place.rpartition("@")
    return f"{scheme}{separator}{'…@' if at else ''}{place}"


def check_changes(changes: Sequence[Change]) -> None:
    """Raises InputError for two changes of one key, or a due time that is not finite."""
    keys: set[str] = set()
    for change in changes:
        if change.key in keys:
            raise InputError(f"{change.key!r} changes twice in one commit; merge the changes")
        keys.add(change.key)
        if change.due is not None and not math.isfinite(change.due):
            raise InputError(
                f"{change.key!r} is due at {change.due}; give seconds since the epoch or None"
            )


def check_lease(lease: float) -> None:
    """Raises InputError unless a lease is a positive number of seconds."""
    if not 0 < lease < math.inf:
        raise InputError(f"a lease cannot last {lease} s; give a positive number of seconds")


def conflict_error(key: str, expected: int, found: int) -> ConflictError:
    """The error for an entry that has another version than a commit expects."""
    return ConflictError(
        f"{key!r} has version {found}, expected {expected} (0 means no entry); nothing was "
        "written; read it again and retry"
    )
