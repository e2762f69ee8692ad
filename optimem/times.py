"""Times as people give them, as seconds since the epoch. Without a zone they are UTC."""

from datetime import UTC, date, datetime, time
from math import isfinite

from optimem.errors import InputError

Time = float | int | str | date
"""Seconds since the epoch, a `datetime` or `date`, or ISO 8601 text such as "2023-05-08T13:56"."""


def as_seconds(given: Time, what: str = "time") -> float:
    """A time in seconds since the epoch; a day is its first moment. Raises InputError, which
    names `what` was given, for anything else."""
    try:
        found = _seconds(given)
    except (ValueError, OverflowError, TypeError):
        found = float("nan")
    if not isfinite(found):
        raise InputError(
            f"{what}={given!r:.80} is not a time; give seconds since the epoch, a datetime or "
            "ISO 8601 text such as 2023-05-08T13:56+02:00"
        )
    return found


def _seconds(given: Time) -> float:
    if isinstance(given, datetime):
        return (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()
    if isinstance(given, date):
        return datetime.combine(given, time(), UTC).timestamp()
    if isinstance(given, str):
        try:
            return float(given)
        except ValueError:
            return _seconds(datetime.fromisoformat(given.strip()))
    if isinstance(given, bool):
        raise TypeError("a bool")
    return float(given)
