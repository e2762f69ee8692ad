"""A conversation with questions about it: the form that generated and published ones share."""

from dataclasses import dataclass
from datetime import UTC, datetime

from optimem.roles import Role

UNANSWERABLE = "no answer"
"""The kind of a question that nothing answers, or the start of its name."""


@dataclass(frozen=True)
class Said:
    """A turn. `speaker`: who said it, None if only the role is known. `time`: seconds since the
    epoch."""

    id: str
    speaker: str | None
    role: Role
    time: float
    text: str


@dataclass(frozen=True)
class Asked:
    """A question. `kind`: its type, such as "time". `evidence`: ids of the turns that answer it;
    empty if nothing does. `time`: when it is asked, in seconds since the epoch. `answer`: words
    that whoever answers must say; empty if they are not known."""

    kind: str
    text: str
    evidence: tuple[str, ...]
    time: float
    answer: str = ""

    @property
    def answerable(self) -> bool:
        """Whether the conversation answers it."""
        return bool(self.evidence)


@dataclass(frozen=True)
class Talk:
    """A conversation in the order of its turns, and what is asked about it."""

    name: str
    turns: tuple[Said, ...]
    questions: tuple[Asked, ...]


def seconds(when: datetime) -> float:
    """A date without a zone as UTC, in seconds since the epoch."""
    return when.replace(tzinfo=UTC).timestamp()
