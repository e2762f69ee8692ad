"""Ages as people say them: "3 days", "3 days ago"."""

UNITS = ((86_400.0, "day"), (3600.0, "hour"), (60.0, "minute"))


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
