"""LangChain messages as turns of a memory, and turns as messages again."""

import hashlib
import json
from collections.abc import Iterable, Sequence

from langchain_core.messages import AnyMessage, BaseMessage, message_to_dict, messages_from_dict

from optimem.memory.prompting import count_tokens
from optimem.prompts.draft import MESSAGE_TOKENS
from optimem.prompts.forms import FORMS, ParsedMessage
from optimem.results import RecalledTurn
from optimem.turns import Turn

PLAIN_TYPES: dict[str, str] = {"user": "human", "assistant": "ai", "system": "system"}
"""LangChain's message types that text and an id can make up, by role."""

JSON_PREFIX = "\u2063message:"
"""Starts a turn that holds a message as JSON. The invisible separator keeps plain text from
starting so by accident."""


def parse_message(message: BaseMessage) -> ParsedMessage:
    """What a message says, tool calls and results included."""
    return FORMS["langchain"].parse(message)


def message_text(message: BaseMessage) -> str:
    """The text of a message for people and search, tool calls and tool names included."""
    return parse_message(message).text


def message_tokens(message: BaseMessage) -> int:
    """Tokens of a message by DeepSeek's tokenizer, its frame included."""
    return count_tokens(message_text(message)) + MESSAGE_TOKENS


def message_keys(messages: Sequence[BaseMessage]) -> list[str]:
    """An id for each message that stays the same while the conversation grows: its own, or one
    made from its index and content."""
    return [message.id or _content_key(index, message) for index, message in enumerate(messages)]


def to_turns(messages: Iterable[BaseMessage], keys: Iterable[str]) -> list[Turn]:
    """Messages as turns to search and read, with the keys as their ids. See `to_exact_turn` for
    turns that give the same messages back."""
    parsed = zip(map(parse_message, messages), keys, strict=True)
    return [Turn(text=message.text, role=message.role, id=key) for message, key in parsed]


def to_exact_turn(message: BaseMessage, key: str) -> Turn:
    """A turn from which `from_exact_turn` makes the same message: its text if the message is
    nothing more, else its JSON."""
    role = parse_message(message).role
    if _is_plain(message):
        return Turn(text=str(message.content), role=role, id=key)
    written = json.dumps(message_to_dict(message), ensure_ascii=False)
    return Turn(text=JSON_PREFIX + written, role=role, id=key)


def from_exact_turn(turn: RecalledTurn) -> AnyMessage:
    """The message of a turn. JSON that has faded comes back as text."""
    data = {"content": turn.text, "id": turn.id}
    if turn.guess.startswith(JSON_PREFIX):
        try:
            (message,) = messages_from_dict([json.loads(turn.guess.removeprefix(JSON_PREFIX))])
        except (ValueError, KeyError, TypeError):
            data["content"] = turn.text.removeprefix(JSON_PREFIX)
        else:
            return message  # type: ignore[return-value]  # one of AnyMessage
    kind = PLAIN_TYPES.get(turn.role, "human")  # a ToolMessage would need the id of its call
    (message,) = messages_from_dict([{"type": kind, "data": data}])
    return message  # type: ignore[return-value]


def _is_plain(message: BaseMessage) -> bool:
    """Whether type, text and id are all there is to a message."""
    content = message.content
    if message.type not in PLAIN_TYPES.values() or not isinstance(content, str) or not content:
        return False
    return message == type(message)(content=content, id=message.id)


def _content_key(index: int, message: BaseMessage) -> str:
    content = f"{index}\0{message.type}\0{message_text(message)}".encode(errors="surrogatepass")
    return hashlib.sha256(content).hexdigest()[:32]
