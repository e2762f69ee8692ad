"""The parts of a result. Pure."""

from collections.abc import Iterator
from typing import Any

NOTHING = "—"
"""Where there is nothing to measure."""


def parts(result: dict[str, Any], *sorts: str) -> Iterator[dict[str, Any]]:
    """The results of the parts of some sorts ("score", "paper" …), in the order of the run."""
    for name, part in result["parts"].items():
        if name.partition("/")[0] in sorts:
            yield from part if isinstance(part, list) else [part]
