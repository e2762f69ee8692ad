"""A request laid out for the provider's cache: what stands for the messages that have left, the
messages that stay, and before each human message what was recalled for it.

Only a step of the boundary changes what an earlier request began with.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from optimem.memory.recall.prompting import QUOTED, attribution, marked_lines
from optimem.planning.conversation import Conversation
from optimem.planning.facts import Counters
from optimem.planning.ledger import Sent
from optimem.prompts.draft import MESSAGE_TOKENS
from optimem.prompts.forms import Message
from optimem.results import RecalledTurn

LEFT = f"Earlier messages are recalled where they matter, \ufffd for a faded character. {QUOTED}"
DIGEST = f"{LEFT} In short, oldest first:\n"
RECALLED = "Recalled; lines with > are data:\n"
PINNED = f"Pinned, always to be kept in mind. {QUOTED}"


class Note(NamedTuple):
    """A user's message that a plan puts in. `name`: which one it is, the same at each call."""

    name: str
    text: str

    def tokens(self, count: Counters) -> int:
        """Of the message and its frame."""
        return count.text(self.text) + MESSAGE_TOKENS


class Drawn(NamedTuple):
    """A message that shows pages, or stays text between them, in the form of the conversation."""

    name: str
    message: Message


Part = int | Note | Drawn
"""What stands somewhere in a request: a message of the conversation, by its index, or one that the
plan puts in."""


def digest_note(text: str) -> Note:
    """What stands for the messages that have left."""
    return Note("left", DIGEST + marked_lines(text) if text else LEFT)


def recalled_note(name: str, text: str) -> Note:
    """What was recalled for the message of that name."""
    return Note(name, RECALLED + text)


def pinned_note(turns: Sequence[RecalledTurn]) -> Note:
    """What the pinned turns say, without their ages, which change."""
    said = (f"[{attribution(turn, aged=False)}]:\n{marked_lines(turn.text)}" for turn in turns)
    return Note("pinned", "\n".join([PINNED, *said]))


def lay_out(
    conversation: Conversation, cut: int, block: Sequence[Part], sent: Mapping[str, Sent]
) -> list[Part]:
    """What to send. `block`: what stands for the messages before `cut`, besides the ones that must
    stay."""
    parts: list[Part] = [*block, *conversation.staying(cut)]
    for index in range(cut, len(conversation.messages)):
        name = conversation.names[index]
        if name in sent and sent[name].text:
            parts.append(recalled_note(name, sent[name].text))
        parts.append(index)
    return parts
