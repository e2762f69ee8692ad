"""Turns of a conversation and what is planted in them. Text only."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Call:
    """A tool call and its result."""

    tool: str
    query: str
    result: str


@dataclass(frozen=True)
class Exchange:
    """One turn of the conversation: a request, perhaps tool calls, and the agent's answer."""

    request: str
    calls: tuple[Call, ...]
    answer: str
    in_turn: bool = False
    """Whether the calls are made one after the other instead of all at once."""

    @property
    def text(self) -> str:
        """All of it."""
        calls = (f"{call.query}\n{call.result}" for call in self.calls)
        return "\n".join((self.request, *calls, self.answer))


@dataclass(frozen=True)
class PlantedFact:
    """A value that occurs in one turn only, and the question about it."""

    kind: str
    value: str
    question: str
    turn: int
