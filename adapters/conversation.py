"""A conversation of an agent as the middleware sees it: what each message is called in the memory,
what it costs, and what must stay in the prompt.

A message is named by its content and by how often that has occurred before, not by its id: a server
that sends the history anew, with new ids, names it the same, and an edited message is another.
"""

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from langchain_core.messages import AnyMessage, BaseMessage

from optimem.adapters.boundary import History
from optimem.adapters.messages import parse_message
from optimem.errors import TextError
from optimem.memory.caching import LRU
from optimem.memory.prompting import count_tokens
from optimem.prompts.draft import MESSAGE_TOKENS, TokenCounter
from optimem.prompts.forms import SKIPPED_BLOCKS, TEXT_BLOCKS, ParsedMessage, ToolIds, safe_cuts
from optimem.prompts.formulas import ImageFormula
from optimem.prompts.pixels import Pixels, block_pixels
from optimem.turns import Turn, checked_text

INSERTED = "optimem:"
"""What the ids of messages start with that a middleware of ours put in."""
IMAGE_TOKENS = 1200
"""Counted for a file, and for an image of which size or price is unknown: about what providers
charge for a photo."""


class Counters(NamedTuple):
    """How a request is counted. `text`: counts the tokens of a text. `images`: what the model
    charges for images; None if that is unknown."""

    text: TokenCounter = count_tokens
    images: ImageFormula | None = None

    def attached(self, size: Pixels | None) -> int:
        """Tokens of an image or a file."""
        return self.images.tokens(*size) if self.images and size else IMAGE_TOKENS


class Facts(NamedTuple):
    """What is known of a message. `content`: everything that it says, without ids. `attached`:
    the sizes of its images and files, None where unknown."""

    parsed: ParsedMessage
    content: str
    attached: tuple[Pixels | None, ...]

    def tokens(self, count: Counters) -> int:
        """Of the message, its frame and its images included."""
        said = sum(map(count.text, self.parsed.sent))
        return said + MESSAGE_TOKENS + sum(map(count.attached, self.attached))


class Conversation:
    """The messages of a request. `key`: what the names of messages start with."""

    def __init__(
        self, messages: Sequence[AnyMessage], key: str, count: Counters | None = None
    ) -> None:
        self.messages, self.key, self.count = list(messages), key, count or Counters()

    @cached_property
    def facts(self) -> list["Facts"]:
        """What is known of each message."""
        return [_facts(message) for message in self.messages]

    @cached_property
    def parsed(self) -> list[ParsedMessage]:
        """What each message says."""
        return [facts.parsed for facts in self.facts]

    @cached_property
    def names(self) -> list[str]:
        """A name for each message."""
        seen, names = Counter[str](), []
        for facts in self.facts:
            names.append(self.key + _digest(facts.content, seen[facts.content]))
            seen[facts.content] += 1
        return names

    @cached_property
    def history(self) -> History:
        """The conversation as token counts, up to the call at hand."""
        kinds = [self._kind(message) for message in self.messages]
        calls = [i for i, kind in enumerate(kinds) if kind == "ai" and i]
        return History(
            tokens=[facts.tokens(self.count) for facts in self.facts],
            human=[i for i, kind in enumerate(kinds) if kind == "human"],
            calls=[*calls, len(self.messages)],
            safe=safe_cuts(self._answered(parsed.tools) for parsed in self.parsed),
        )

    @cached_property
    def question(self) -> int:
        """The index of the last human message; -1 without one."""
        return self.history.last_human(len(self.messages))

    def staying(self, cut: int) -> list[int]:
        """The messages before `cut` that must stay in the prompt however old they are, each with
        the tool calls and results it belongs to."""
        safe, kept = self.history.safe, dict[int, None]()
        for index in self._must_stay[: bisect_left(self._must_stay, cut)]:
            at = bisect_right(safe, index)
            end = safe[at] if at < len(safe) else cut
            kept |= dict.fromkeys(range(safe[at - 1], min(end, cut)))
        return list(kept)

    @cached_property
    def _must_stay(self) -> list[int]:
        """The messages that nothing can stand for: nobody else can say what they say, or the
        memory cannot hold it."""
        return [
            index
            for index, message in enumerate(self.messages)
            if message.type == "system"
            or is_inserted(message)
            or index in self._unfinished
            or not _is_text(self.parsed[index].text)
        ]

    def turns(self, indexes: Iterable[int]) -> list[Turn]:
        """Messages as turns of a memory, without those that it cannot hold and those of ours."""
        return [
            Turn(
                text=self._stored(index),
                role=self.parsed[index].role,
                name=self._speaker(index),
                id=self.names[index],
            )
            for index in indexes
            if self._is_said(index) and _is_text(self.parsed[index].text)
        ]

    def _stored(self, index: int) -> str:
        """What a memory is given of a message: its text, and a word for each attachment."""
        kinds = attachments(self.messages[index])
        return "\n".join([self.parsed[index].text, *(f"[{kind}]" for kind in kinds)])

    def _speaker(self, index: int) -> str | None:
        """The name of who speaks; that of a tool is none."""
        message = self.messages[index]
        return None if message.type == "tool" else message.name

    def _is_said(self, index: int) -> bool:
        """Whether a message is part of what was said."""
        return not is_inserted(self.messages[index]) and self.messages[index].type != "system"

    @cached_property
    def _unfinished(self) -> set[int]:
        """Messages with a tool call that no result answers."""
        answered = self._results
        return {index for index, parsed in enumerate(self.parsed) if parsed.tools.calls - answered}

    @cached_property
    def _results(self) -> frozenset[str]:
        return frozenset().union(*(parsed.tools.results for parsed in self.parsed))

    def _answered(self, tools: ToolIds) -> ToolIds:
        """Tool ids without calls that no result answers: these part nothing."""
        return ToolIds(tools.calls & self._results, tools.results)

    @staticmethod
    def _kind(message: BaseMessage) -> str:
        return "" if is_inserted(message) else message.type


def is_inserted(message: BaseMessage) -> bool:
    """Whether a middleware of ours put a message in."""
    return str(message.id or "").startswith(INSERTED)


@lru_cache(maxsize=1 << 14)
def _is_text(text: str) -> bool:
    """Whether a memory can hold a text: one with half of a surrogate pair it cannot."""
    try:
        checked_text(text)
    except TextError:
        return False
    return True


def attachments(message: BaseMessage) -> list[str]:
    """The kinds of the blocks of a message that are not text: images, files and the like."""
    kinds = (str(block.get("type")) for block in _attached(message))
    return [kind.removesuffix("_url").removeprefix("input_") for kind in kinds]


def _attached(message: BaseMessage) -> list[dict[str, Any]]:
    """The blocks of a message that are not text."""
    blocks = [] if isinstance(message.content, str) else message.content
    known = (*TEXT_BLOCKS, *SKIPPED_BLOCKS)
    return [b for b in blocks if isinstance(b, dict) and str(b.get("type")) not in known]


def message_size(message: BaseMessage, count: Counters) -> int:
    """Tokens of a message, its frame and its images included."""
    return _facts(message).tokens(count)


_known: LRU[tuple[str, ...], Facts] = LRU(1 << 14)


def _facts(message: BaseMessage) -> Facts:
    """What is known of a message; of one with the same content and ids it is known already, as
    an agent sends its history again and again."""
    key = _identity(message)
    facts = _known.get(key)
    if facts is None:
        sizes = tuple(block_pixels(block) for block in _attached(message))
        facts = Facts(parse_message(message), _content(message), sizes)
        _known.put(key, facts)
    return facts


def _identity(message: BaseMessage) -> tuple[str, ...]:
    """What tells a message from others: all that it says, and the ids of its tool calls, or of
    the call it answers."""
    calls = getattr(message, "tool_calls", None) or ()
    plain = isinstance(message.content, str) and not calls
    said = str(message.content) if plain else _content(message)
    ids = [str(call["id"]) for call in calls] or [str(getattr(message, "tool_call_id", ""))]
    return "text" if plain else "json", message.type, str(message.name), said, *ids


def _content(message: BaseMessage) -> str:
    """Everything that a message says, without ids, which a client may make anew."""
    calls = [(call["name"], call["args"]) for call in getattr(message, "tool_calls", None) or ()]
    parts: list[Any] = [message.type, message.name, message.content, calls]
    return json.dumps(parts, default=str, sort_keys=True)


@lru_cache(maxsize=1 << 14)
def _digest(content: str, occurrence: int) -> str:
    return hashlib.sha256(f"{occurrence}\0{content}".encode()).hexdigest()[:32]
