"""LangChain messages as turns of a memory, and back."""

import hashlib
import json
from collections.abc import Iterable, Sequence

from langchain_core.messages import (
    AnyMessage,
    BaseMessage,
    message_to_dict,
    messages_from_dict,
)

from optimem.prompts.forms import FORMS, ParsedMessage
from optimem.results import RecalledTurn
from optimem.turns import Turn

TYPES: dict[str, str] = {"user": "human", "assistant": "ai", "system": "system"}
"""LangChain's types of messages by role."""

WHOLE = "\u2063message:"
"""Starts a turn that holds a whole message as JSON: an invisible separator, so that no plain
text starts so by accident."""


def said(message: BaseMessage) -> ParsedMessage:
    """What a message says, its tool calls and results included."""
    return FORMS["langchain"].parse(message)


def message_text(message: BaseMessage) -> str:
    """What a message says, tool calls and the tool's name included, for people and search."""
    return said(message).text


def message_keys(messages: Sequence[BaseMessage]) -> list[str]:
    """An id for each message of a conversation that stays the same as it grows: its own, or
    one made of its place and content."""
    return [message.id or _made_key(place, message) for place, message in enumerate(messages)]


def turns_of(messages: Iterable[BaseMessage], keys: Iterable[str]) -> list[Turn]:
    """Messages as turns that can be searched and read, under their keys."""
    told = zip(map(said, messages), keys, strict=True)
    return [Turn(text=one.text, role=one.role, id=key) for one, key in told]


def whole_turn(message: BaseMessage, key: str) -> Turn:
    """A message as a turn from which the same message can be made again: its text alone where
    that is all there is to it, its JSON otherwise."""
    plain = type(message)(content=message.content, id=message.id) if _is_plain(message) else None
    if plain == message:
        return Turn(text=str(message.content), role=said(message).role, id=key)
    written = json.dumps(message_to_dict(message), ensure_ascii=False)
    return Turn(text=WHOLE + written, role=said(message).role, id=key)


def whole_message(turn: RecalledTurn) -> AnyMessage:
    """The message of a turn. One whose JSON has faded comes back as text."""
    data = {"content": turn.text, "id": turn.id}
    if turn.guess.startswith(WHOLE):
        try:
            (message,) = messages_from_dict([json.loads(turn.guess.removeprefix(WHOLE))])
        except (ValueError, KeyError, TypeError):
            data["content"] = turn.text.removeprefix(WHOLE)
        else:
            return message  # type: ignore[return-value]  # of those that messages_from_dict knows
    kind = TYPES.get(turn.role, "human")  # a tool's answer without its call is nobody's
    (message,) = messages_from_dict([{"type": kind, "data": data}])
    return message  # type: ignore[return-value]


def _is_plain(message: BaseMessage) -> bool:
    known = message.type in ("human", "ai", "system")
    return known and isinstance(message.content, str) and bool(message.content)


def _made_key(place: int, message: BaseMessage) -> str:
    content = f"{place}\0{message.type}\0{message_text(message)}".encode(errors="surrogatepass")
    return hashlib.sha256(content).hexdigest()[:32]
