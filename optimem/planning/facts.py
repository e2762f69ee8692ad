"""What a plan knows of a message, whatever API or framework it is of."""

import hashlib
from functools import lru_cache
from typing import NamedTuple

from optimem.errors import TextError
from optimem.memory.recall.prompting import count_tokens
from optimem.prompts.draft import MESSAGE_TOKENS, TokenCounter
from optimem.prompts.forms import ParsedMessage
from optimem.prompts.formulas import ImageFormula
from optimem.prompts.pixels import Pixels
from optimem.turns import checked_text

IMAGE_TOKENS = 1200
"""Counted for a file, and for an image of which size or price is unknown: about what providers
charge for a photo."""
OURS = ""
"""The kind of a message that a plan of ours put in."""


class Counters(NamedTuple):
    """How a request is counted. `text`: counts the tokens of a text. `images`: what the model
    charges for images; None if that is unknown."""

    text: TokenCounter = count_tokens
    images: ImageFormula | None = None

    def attached(self, size: Pixels | None) -> int:
        """Tokens of an image or a file."""
        return self.images.tokens(*size) if self.images and size else IMAGE_TOKENS


class Facts(NamedTuple):
    """What is known of a message. `kind`: "human", "ai", "tool", "system", or `OURS`. `parsed`:
    what it says and which tools it calls. `text`: its words alone. `name`: of its speaker.
    `content`: everything that it says, without ids. `attached`: its images and files, each with
    its kind, and its size where that is known. `begins`: whether a call of the model was answered
    with it, alone or first of several."""

    kind: str
    parsed: ParsedMessage
    text: str
    content: str
    name: str | None = None
    attached: tuple[tuple[str, Pixels | None], ...] = ()
    begins: bool = False

    def tokens(self, count: Counters) -> int:
        """Of the message, its frame and its images included."""
        said = sum(map(count.text, self.parsed.sent))
        return said + MESSAGE_TOKENS + sum(count.attached(size) for _, size in self.attached)

    @property
    def is_said(self) -> bool:
        """Whether it is part of what was said."""
        return self.kind not in (OURS, "system")

    @property
    def is_text(self) -> bool:
        """Whether a memory can hold its text: one with half of a surrogate pair it cannot."""
        return _is_text(self.parsed.text)

    def nth_name(self, number: int) -> str:
        """What the message is called if `number` messages before it say the same."""
        return _digest(self.content, number)


@lru_cache(maxsize=1 << 14)
def _is_text(text: str) -> bool:
    try:
        checked_text(text)
    except TextError:
        return False
    return True


@lru_cache(maxsize=1 << 14)
def _digest(content: str, occurrence: int) -> str:
    return hashlib.sha256(f"{occurrence}\0{content}".encode()).hexdigest()[:32]
