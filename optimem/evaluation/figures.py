"""The parts of a result, and how a figure is written. Pure."""

from collections.abc import Iterator
from typing import Any

NOTHING = "—"
"""Where there is nothing to measure."""


def percent(value: float | None, digits: int = 2) -> str:
    """A share in per cent, a dash for None. Only 1 itself is shown as 100 %."""
    if value is None:
        return "–"
    highest = 100 - 10**-digits
    shown = min(value * 100, highest) if value < 1 else 100.0
    return f"{shown:.{digits}f} %"


def parts(result: dict[str, Any], *sorts: str) -> Iterator[dict[str, Any]]:
    """The results of the parts of some sorts ("score", "paper" …), in the order of the run."""
    for name, part in result["parts"].items():
        if name.partition("/")[0] in sorts:
            yield from part if isinstance(part, list) else [part]
