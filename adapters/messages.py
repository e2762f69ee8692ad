"""LangChain messages as turns of a memory, and turns as messages again."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from langchain_core.messages import AnyMessage, BaseMessage, message_to_dict, messages_from_dict

from optimem.memory.recall.prompting import count_tokens
from optimem.prompts.draft import MESSAGE_TOKENS
from optimem.prompts.forms import FORMS, ParsedMessage
from optimem.results import RecalledTurn
from optimem.turns import Turn

PLAIN_TYPES: dict[str, str] = {"user": "human", "assistant": "ai", "system": "system"}
"""LangChain's message types that text and an id can make up, by role."""

EXTRA = "langchain"
"""The key of a turn's `extra` that holds the type of its message and all fields but the text."""


def parse_message(message: BaseMessage) -> ParsedMessage:
    """What a message says, tool calls and results included."""
    return FORMS["langchain"].parse(message)


def message_text(message: BaseMessage) -> str:
    """The text of a message for people and search, tool calls and tool names included."""
    return parse_message(message).text


def message_tokens(message: BaseMessage) -> int:
    """Tokens of a message as it is sent, by DeepSeek's tokenizer: its texts, the names and
    arguments of its tool calls, and its frame."""
    return sum(map(count_tokens, parse_message(message).sent)) + MESSAGE_TOKENS


def to_exact_turn(message: BaseMessage, key: str) -> Turn:
    """A turn from which `from_exact_turn` makes the same message: the text, and beside it what
    else there is to the message. Raises InputError for fields that are not JSON."""
    role, texts = parse_message(message).role, _texts(message.content)
    if _is_plain(message):
        return Turn(text=str(message.content), role=role, id=key)
    name = message.name if role != "tool" else None  # a tool's is not a speaker's
    shown = "".join(texts) or message_text(message)  # a call without text is found by its name
    extra = {**message_to_dict(message), "lengths": [len(text) for text in texts]}
    extra["data"] = {**extra["data"], "content": _without_texts(message.content)}
    return Turn(text=shown, role=role, name=name, id=key, extra={EXTRA: extra})


def from_exact_turn(turn: RecalledTurn) -> AnyMessage:
    """The message of a turn, its text as it can be read now. What is not text never fades."""
    kind = PLAIN_TYPES.get(turn.role, "human")  # a ToolMessage would need the id of its call
    stored = {"type": kind, "data": {"content": turn.text, "id": turn.id}}
    if extra := turn.extra.get(EXTRA):
        content = _with_texts(extra["data"]["content"], turn.text, extra["lengths"])
        stored = {"type": extra["type"], "data": {**extra["data"], "content": content}}
    (message,) = messages_from_dict([stored])
    return message  # type: ignore[return-value]  # one of AnyMessage


def _is_plain(message: BaseMessage) -> bool:
    """Whether type, text and id are all there is to a message."""
    content = message.content
    if message.type not in PLAIN_TYPES.values() or not isinstance(content, str) or not content:
        return False
    return message == type(message)(content=content, id=message.id)


def _texts(content: Any) -> list[str]:
    """The texts in a message's content, that of each text block."""
    if isinstance(content, str):
        return [content]
    texts = (block if isinstance(block, str) else block.get("text") for block in content)
    return [text for text in texts if isinstance(text, str)]


def _without_texts(content: Any) -> Any:
    """A message's content with "" for each text."""
    return _with_texts(content, "", [0] * len(_texts(content)))


def _with_texts(content: Any, text: str, lengths: Sequence[int]) -> Any:
    """A message's content with its texts, cut from `text` by their lengths. The last takes the
    rest, as a faded text may have become longer or shorter."""
    if not any(lengths):
        text = ""
    ends = [*accumulate(lengths)][:-1]
    texts = iter([text[a:b] for a, b in zip([0, *ends], [*ends, None], strict=True)])
    if isinstance(content, str):
        return next(texts)
    return [_with_text(block, texts) for block in content]


def _with_text(block: Any, texts: Iterator[str]) -> Any:
    if isinstance(block, str):
        return next(texts)
    return {**block, "text": next(texts)} if isinstance(block.get("text"), str) else block
