"""Times and shares as people write them: "2026-05-08 18:30", "3 days ago", "97.2 %"."""

from datetime import UTC, datetime

UNITS = ((86_400.0, "day"), (3600.0, "hour"), (60.0, "minute"))


def date(seconds: float) -> str:
    """Seconds since the epoch as a date and a time in UTC; as they are for a year that no calendar
    here has."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.0f} s since 1970"


def duration(seconds: float) -> str:
    """A time in whole days, or else hours, or else minutes: "3 days", "1 hour"."""
    for unit, name in UNITS:
        if seconds >= unit:
            count = int(seconds // unit)
            return f"{count} {name}{'s' * (count > 1)}"
    return "less than a minute"


def ago(age: float) -> str:
    """An age in seconds: "3 days ago"; under a minute, "just now"."""
    return f"{duration(age)} ago" if age >= UNITS[-1][0] else "just now"


def percent(value: float | None, digits: int = 2) -> str:
    """A share in per cent, a dash for None. Only 1 itself is shown as 100 %."""
    if value is None:
        return "–"
    highest = 100 - 10**-digits
    shown = min(value * 100, highest) if value < 1 else 100.0
    return f"{shown:.{digits}f} %"
