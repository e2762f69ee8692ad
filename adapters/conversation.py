"""LangChain's messages as a plan knows them, and the parts of a plan as LangChain's messages.

What is known of a message is kept, as an agent sends its history again and again.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from langchain_core.messages import AnyMessage, BaseMessage, HumanMessage

from optimem.adapters.messages import parse_message
from optimem.memory.caching import LRU
from optimem.planning.conversation import Conversation
from optimem.planning.facts import OURS, Counters, Facts
from optimem.planning.layout import Drawn, Note, Part
from optimem.prompts.forms import attached_blocks, block_kind
from optimem.prompts.pixels import block_pixels

INSERTED = "optimem:"
"""What the ids of messages start with that a middleware of ours put in."""


def read_conversation(
    messages: Sequence[AnyMessage], key: str, count: Counters | None = None
) -> Conversation:
    """The messages of a request. `key`: what the names of messages start with."""
    return Conversation(messages, [facts_of(message) for message in messages], key, count)


def write_messages(conversation: Conversation, parts: Iterable[Part]) -> list[AnyMessage]:
    """The messages of a plan. Those that a plan of ours put in say so by their ids."""
    return [_written(conversation, part) for part in parts]


def _written(conversation: Conversation, part: Part) -> AnyMessage:
    if isinstance(part, Note):
        return HumanMessage(part.text, id=INSERTED + part.name)
    if isinstance(part, Drawn):
        return _with_id(part.message, INSERTED + part.name)
    message: AnyMessage = conversation.messages[part]
    return message


def _with_id(message: Any, key: str) -> AnyMessage:
    if isinstance(message, dict):
        return HumanMessage(content=message["content"], id=key)
    copy: AnyMessage = message.model_copy(update={"id": key})
    return copy


def message_size(message: BaseMessage, count: Counters) -> int:
    """Tokens of a message, its frame and its images included."""
    return facts_of(message).tokens(count)


_known: LRU[tuple[str, ...], Facts] = LRU(1 << 14)


def facts_of(message: BaseMessage) -> Facts:
    """What is known of a message; of one with the same content and ids it is known already."""
    key = _identity(message)
    facts = _known.get(key)
    if facts is None:
        facts = _facts(message)
        _known.put(key, facts)
    return facts


def _facts(message: BaseMessage) -> Facts:
    ours = str(message.id or "").startswith(INSERTED)
    kind = OURS if ours else message.type
    return Facts(
        kind=kind,
        parsed=parse_message(message),
        text=str(message.text),
        content=_content(message),
        name=message.name,
        attached=tuple((block_kind(b), block_pixels(b)) for b in attached_blocks(message.content)),
        begins=kind == "ai",
    )


def _identity(message: BaseMessage) -> tuple[str, ...]:
    """What tells a message from others: all that it says, who put it in, and the ids of its tool
    calls, or of the call it answers."""
    calls = getattr(message, "tool_calls", None) or ()
    plain = isinstance(message.content, str) and not calls
    said = str(message.content) if plain else _content(message)
    ids = [str(call["id"]) for call in calls] or [str(getattr(message, "tool_call_id", ""))]
    ours = str(message.id or "").startswith(INSERTED)
    kind = "text" if plain else "json"
    return kind, OURS if ours else message.type, str(message.name), said, *ids


def _content(message: BaseMessage) -> str:
    """Everything that a message says, without ids, which a client may make anew."""
    calls = [(call["name"], call["args"]) for call in getattr(message, "tool_calls", None) or ()]
    parts: list[Any] = [message.type, message.name, message.content, calls]
    return json.dumps(parts, default=str, sort_keys=True)
