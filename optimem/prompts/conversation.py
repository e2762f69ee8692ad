"""What a prompt's messages say, whatever API they are written for, and where they may be cut.

Knows nothing of any API's form (`forms`), of pages or of prices.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from optimem.turns import Role, Turn


class Links(NamedTuple):
    """Ids of the tools that a message calls, and of the calls that it answers."""

    calls: frozenset[str]
    results: frozenset[str]


class Linked(Protocol):
    """Whatever tells its `Links`."""

    @property
    def calls(self) -> frozenset[str]: ...

    @property
    def results(self) -> frozenset[str]: ...


@dataclass(frozen=True)
class Said:
    """One message. `calls`, `results`: ids of the tools that it calls, and of the calls that
    it answers. `drawable`: it is all text; an image or a file cannot be drawn as a page."""

    role: Role
    text: str
    calls: frozenset[str] = frozenset()
    results: frozenset[str] = frozenset()
    drawable: bool = True

    @property
    def turn(self) -> Turn:
        """The message as a turn that can be drawn or remembered."""
        return Turn(text=self.text, role=self.role)


def whole_places(said: Iterable[Linked]) -> list[int]:
    """Places before which a conversation may be cut: every call made there has its result."""
    places, waiting = [0], set[str]()
    for place, message in enumerate(said, 1):
        waiting = (waiting | message.calls) - message.results
        if not waiting:
            places.append(place)
    return places


def head(said: Sequence[Said], keep: int) -> tuple[int, int]:
    """Where the part of a conversation that can become pages starts and ends: after the system
    messages that it opens with, before the last `keep` messages, before anything that cannot be
    drawn, and never between a tool call and its results."""
    start = next((i for i, one in enumerate(said) if one.role != "system"), len(said))
    end = max(len(said) - keep, 0)
    end = next((i for i, one in enumerate(said[:end]) if not one.drawable), end)
    return start, max(
        (place for place in whole_places(said) if start <= place <= end), default=start
    )
