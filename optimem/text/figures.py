"""How a share is written for people. Pure."""


def percent(value: float | None, digits: int = 2) -> str:
    """A share in per cent, a dash for None. Only 1 itself is shown as 100 %."""
    if value is None:
        return "–"
    highest = 100 - 10**-digits
    shown = min(value * 100, highest) if value < 1 else 100.0
    return f"{shown:.{digits}f} %"
