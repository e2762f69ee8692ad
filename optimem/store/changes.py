"""What every store checks and says alike. Knows no backend."""

import math
from collections.abc import Sequence

from optimem.errors import ConflictError, InputError
from optimem.protocols import Change


def checked_changes(changes: Sequence[Change]) -> Sequence[Change]:
    """`changes` unchanged. Raises InputError for one that has no clear meaning."""
    seen: set[str] = set()
    for change in changes:
        if change.key in seen:
            raise InputError(f"{change.key!r} changes twice in one commit; merge the changes")
        seen.add(change.key)
        if change.due is not None and not math.isfinite(change.due):
            raise InputError(
                f"{change.key!r} is due at {change.due}; give seconds since the epoch or None"
            )
    return changes


def checked_lease(lease: float) -> float:
    """`lease` unchanged. Raises InputError unless it is a positive number of seconds."""
    if not 0 < lease < math.inf:
        raise InputError(f"a lease of {lease} s claims nothing; give a positive number of seconds")
    return lease


def conflict(key: str, expected: int, found: int) -> ConflictError:
    """The error for a version that somebody else has changed."""
    return ConflictError(
        f"{key!r} has version {found} where {expected} was expected (0: no entry); nothing "
        "was changed; read it again and retry"
    )
