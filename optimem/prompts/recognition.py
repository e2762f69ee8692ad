"""Which form messages have, told from the messages themselves; the provider's form decides only
where they could be of several.

SDK objects are read as the dicts that they stand for, known by their methods; no SDK is imported.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from optimem.errors import InputError
from optimem.prompts.forms import FORMS, Form, Message
from optimem.turns import MESSAGE_ROLES

LANGCHAIN_FIELDS = ("type", "content", "text")
"""Attributes of every LangChain message, and of no SDK's."""
CHAT_KEYS = ("tool_calls", "tool_call_id", "function_call")
CHAT_ROLES = ("tool", "function")
OPENAI_ROLES = ("system", "developer")
"""Both of OpenAI's forms have these roles, Anthropic's has neither."""
CHAT_BLOCKS = ("image_url", "input_audio")
RESPONSES_BLOCKS = ("input_text", "output_text", "input_image", "input_file")
ANTHROPIC_BLOCKS = (
    "tool_use", "tool_result", "thinking", "redacted_thinking", "server_tool_use", "mcp_tool_use",
    "mcp_tool_result",
)  # fmt: skip


def find_form(name: str) -> Form:
    """The form of that name. Raises InputError for an unknown one."""
    if name not in FORMS:
        raise InputError(f"form {name!r} is unknown; choose one of {', '.join(FORMS)}")
    return FORMS[name]


def choose_form(
    messages: Sequence[Message], provider_form: str, requested: str | None = None
) -> Form:
    """The form of plain messages: the one they are recognized by, else the `requested` one, else
    the provider's. Raises InputError for what is not a message, for an unknown form, for messages
    of two forms, and for messages of another form than requested."""
    wanted = find_form(requested) if requested else None
    found = _recognize(messages)
    if found is None:
        return wanted or FORMS[_usual_form(messages, provider_form)]
    if wanted not in (None, FORMS[found]):
        raise InputError(f"these are {found!r} messages, not {requested!r}; leave out `form`")
    return FORMS[found]


def _usual_form(messages: Sequence[Message], provider_form: str) -> str:
    """The form of dicts with role and text alone."""
    roles = {message.get("role") for message in messages}
    # Dicts without "parts" are not Gemini's, whatever the provider.
    return "openai" if provider_form == "gemini" or roles & {*OPENAI_ROLES} else provider_form


def plain(message: Any) -> Any:
    """A message as its API takes it in JSON: the objects of an SDK, also those inside of a dict,
    become dicts. LangChain's messages stay as they are."""
    if isinstance(message, Mapping):
        return {key: plain(value) for key, value in message.items()}
    if isinstance(message, list | tuple):
        return [plain(value) for value in message]
    if _is_langchain(message) or not hasattr(message, "model_dump"):
        return message
    return message.model_dump(exclude_none=True)


def _is_langchain(message: Any) -> bool:
    return all(hasattr(message, name) for name in LANGCHAIN_FIELDS)


def _recognize(messages: Sequence[Message]) -> str | None:
    """The name of the only form that the messages can have; None if they could be of several."""
    found: dict[str, int] = {}
    for index, message in enumerate(messages):
        for name in _signs(message):
            found.setdefault(name, index)
    if "langchain" in found:
        found.pop("openai", None)  # LangChain takes OpenAI's dicts among its own messages
    if len(found) > 1:
        first, second = list(found)[:2]
        raise InputError(
            f"the messages mix two forms: message {found[first]} is {first!r}, message "
            f"{found[second]} is {second!r}; write all of them in one form"
        )
    return next(iter(found), None)


def _signs(message: Message) -> Iterator[str]:
    """Each form that a message must have, by what only that form has. Raises InputError for what
    is not a message."""
    if not isinstance(message, Mapping):
        if not _is_langchain(message):
            raise InputError(
                f"{message!r:.200} is not a message; give text, dicts as the API takes them, or "
                "messages of an SDK or LangChain"
            )
        yield "langchain"
        return
    if not {"role", "type", "parts"} & message.keys():
        raise InputError(f"{message!r:.200} is not a message: it has no role")
    if "parts" in message:
        yield "gemini"
    elif "role" not in message and message["type"] not in MESSAGE_ROLES:
        yield "responses"  # an item that is not a message
    else:
        yield from _content_signs(message)
    if any(message.get(key) for key in CHAT_KEYS) or message.get("role") in CHAT_ROLES:
        yield "openai"


def _content_signs(message: Mapping[str, Any]) -> Iterator[str]:
    content = message.get("content")
    for block in content if isinstance(content, list) else ():
        kind = block.get("type") if isinstance(block, Mapping) else None
        if kind in CHAT_BLOCKS or (kind == "file" and "file" in block):
            yield "openai"
        elif kind in RESPONSES_BLOCKS:
            yield "responses"
        elif kind in ANTHROPIC_BLOCKS or (kind in ("image", "document") and "source" in block):
            yield "anthropic"
