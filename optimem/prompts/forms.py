"""The forms in which APIs take messages (OpenAI's, Anthropic's, Gemini's, LangChain's): each parses
a message, and writes the message that carries pages.

Messages that stay in a prompt are handed back as they came. Knows nothing of prices or of drawing.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from optimem.errors import InputError
from optimem.prompts.pages import PageImage
from optimem.turns import MESSAGE_ROLES, Role, Turn, call_text

Message = Any
"""A message in an API's own form: a dict, or a LangChain message."""

TEXT_BLOCKS = ("text", "input_text", "output_text", "refusal")
SKIPPED_BLOCKS = (
    "tool_use", "tool_result", "tool_call", "thinking", "redacted_thinking", "reasoning",
)  # fmt: skip
"""Blocks that are parsed elsewhere or carry nothing to draw. Any other block without text is an
image, a file or the like."""


class ToolIds(NamedTuple):
    """`calls`: ids of the tool calls that a message makes. `results`: ids of those it answers."""

    calls: frozenset[str] = frozenset()
    results: frozenset[str] = frozenset()


NO_TOOLS = ToolIds()


@dataclass(frozen=True)
class ParsedMessage:
    """A message from any API. `text`: tool calls and results included. `drawable`: whether it is
    all text; an image or a file cannot be drawn on a page."""

    role: Role
    text: str
    tools: ToolIds = NO_TOOLS
    drawable: bool = True

    @property
    def turn(self) -> Turn:
        """The message as a turn that can be drawn or remembered."""
        return Turn(text=self.text, role=self.role)


def safe_cuts(messages: Iterable[ToolIds]) -> list[int]:
    """Where a conversation may be cut: before these messages every tool call has its result."""
    cuts, pending = [0], set[str]()
    for index, tools in enumerate(messages, 1):
        pending = (pending | tools.calls) - tools.results
        if not pending:
            cuts.append(index)
    return cuts


def drawable_range(messages: Sequence[ParsedMessage], keep: int) -> tuple[int, int]:
    """Start and end of the messages that can become pages: after the leading system messages,
    before the last `keep` messages and before the first that cannot be drawn, with no tool call
    parted from its results."""
    start = next((i for i, one in enumerate(messages) if one.role != "system"), len(messages))
    end = max(len(messages) - keep, 0)
    end = next((i for i, one in enumerate(messages[:end]) if not one.drawable), end)
    cuts = safe_cuts(message.tools for message in messages)
    return start, max((cut for cut in cuts if start <= cut <= end), default=start)


class Form(Protocol):
    """How an API writes messages."""

    def parse(self, message: Message) -> ParsedMessage:
        """What a message says. Raises InputError if it is not a message of this form."""

    def page_message(self, before: str, pages: Sequence[PageImage], after: str) -> Message:
        """A user's message: text, pages, text. Empty text is left out."""


class OpenAIForm:
    """Chat Completions: https://developers.openai.com/api/docs/guides/images-vision. Images go
    with detail "high", the level that the price rules are for."""

    def parse(self, message: Message) -> ParsedMessage:
        """See `Form`."""
        texts, drawable = _text_blocks(message)
        calls = [call for call in message.get("tool_calls") or () if isinstance(call, Mapping)]
        functions = [call.get("function") or {} for call in calls]
        texts += [call_text(each.get("name"), each.get("arguments", "")) for each in functions]
        answered = message.get("tool_call_id")
        return ParsedMessage(
            role=_role(message),
            text="\n".join(texts),
            tools=_tool_ids([call.get("id") for call in calls], [answered] if answered else []),
            drawable=drawable,
        )

    def page_message(self, before: str, pages: Sequence[PageImage], after: str) -> Message:
        """See `Form`."""
        urls = [f"data:image/png;base64,{page.base64}" for page in pages]
        images = [
            {"type": "image_url", "image_url": {"url": url, "detail": "high"}} for url in urls
        ]
        return _user_message(before, images, after)


class AnthropicForm:
    """Messages: https://platform.claude.com/docs/en/build-with-claude/vision."""

    def parse(self, message: Message) -> ParsedMessage:
        """See `Form`."""
        texts, drawable = _text_blocks(message)
        blocks = [b for b in _blocks(message.get("content")) if isinstance(b, Mapping)]
        calls = [block for block in blocks if block.get("type") == "tool_use"]
        results = [block for block in blocks if block.get("type") == "tool_result"]
        texts += [call_text(b.get("name"), _json(b.get("input", {}))) for b in calls]
        for block in results:
            result_texts, result_drawable = _text_blocks(block)
            texts, drawable = texts + result_texts, drawable and result_drawable
        return ParsedMessage(
            role="tool" if results else _role(message),
            text="\n".join(texts),
            tools=_tool_ids(
                [block.get("id") for block in calls],
                [block.get("tool_use_id") for block in results],
            ),
            drawable=drawable,
        )

    def page_message(self, before: str, pages: Sequence[PageImage], after: str) -> Message:
        """See `Form`."""
        source = {"type": "base64", "media_type": "image/png"}
        images = [{"type": "image", "source": {**source, "data": page.base64}} for page in pages]
        return _user_message(before, images, after)


class GeminiForm:
    """Contents: https://ai.google.dev/gemini-api/docs/image-understanding. Ids of calls are
    optional there; a call without one is answered by the next result of the same name."""

    def parse(self, message: Message) -> ParsedMessage:
        """See `Form`."""
        parts = [_with_camel_keys(part) for part in message.get("parts") or ()]
        texts = [text for part in parts if (text := _gemini_text(part)) is not None]
        calls = [part["functionCall"] for part in parts if "functionCall" in part]
        results = [part["functionResponse"] for part in parts if "functionResponse" in part]
        return ParsedMessage(
            role="tool" if results else _role(message, default="user"),
            text="\n".join(texts),
            tools=_tool_ids(
                [call.get("id") or call.get("name") for call in calls],
                [result.get("id") or result.get("name") for result in results],
            ),
            drawable=len(texts) == len(parts),
        )

    def page_message(self, before: str, pages: Sequence[PageImage], after: str) -> Message:
        """See `Form`."""
        images = [{"inline_data": {"mime_type": "image/png", "data": p.base64}} for p in pages]
        first, last = ([{"text": text}] if text else [] for text in (before, after))
        return {"role": "user", "parts": [*first, *images, *last]}


class LangChainForm:
    """LangChain's messages, recognized by their attributes. The message with pages is a dict of
    standard content blocks, which every chat model accepts among messages."""

    def parse(self, message: Message) -> ParsedMessage:
        """See `Form`."""
        if isinstance(message, Mapping):
            return OpenAIForm().parse(message)
        tools = self.tool_ids(message)
        _, drawable = _text_blocks({"content": message.content})
        texts = [str(message.text)] if message.text else []
        calls = getattr(message, "tool_calls", None) or ()
        texts += [call_text(call["name"], _json(call["args"])) for call in calls]
        if tools.results and getattr(message, "name", None):
            texts.insert(0, f"[{message.name}]")
        role = MESSAGE_ROLES.get(str(message.type), "text")
        return ParsedMessage(role, "\n".join(texts), tools, drawable)

    @staticmethod
    def tool_ids(message: Message) -> ToolIds:
        """The tool ids alone, of a message that is not a dict; cheaper than parsing it."""
        calls = getattr(message, "tool_calls", None) or ()
        answered = getattr(message, "tool_call_id", None)
        return _tool_ids([call["id"] for call in calls], [answered] if answered else [])

    def page_message(self, before: str, pages: Sequence[PageImage], after: str) -> Message:
        """See `Form`."""
        images = [
            {"type": "image", "base64": page.base64, "mime_type": "image/png"} for page in pages
        ]
        return _user_message(before, images, after)


FORMS: dict[str, Form] = {
    "openai": OpenAIForm(),
    "anthropic": AnthropicForm(),
    "gemini": GeminiForm(),
    "langchain": LangChainForm(),
}


def find_form(name: str) -> Form:
    """The form of that name. Raises InputError for an unknown one."""
    if name not in FORMS:
        raise InputError(f"form {name!r} is unknown; choose one of {', '.join(FORMS)}")
    return FORMS[name]


def choose_form(
    messages: Sequence[Message], provider_form: str, requested: str | None = None
) -> Form:
    """The form of the messages: the `requested` one, else the one they are recognized by, else the
    provider's. Raises InputError for what is not a message, for an unknown form, and for
    LangChain messages under another form."""
    recognized = _recognize(messages)
    if requested is None:
        # Dicts without "parts" are not Gemini's, whatever the provider.
        return recognized or FORMS["openai" if provider_form == "gemini" else provider_form]
    form = find_form(requested)
    if recognized is FORMS["langchain"] and form is not recognized:
        raise InputError(f"these are LangChain messages, not {requested!r}; leave out `form`")
    return form


def _recognize(messages: Sequence[Message]) -> Form | None:
    """The only form that the messages can have; None for dicts with a role."""
    for message in messages:
        if isinstance(message, Mapping):
            if "parts" in message:
                return FORMS["gemini"]
            if not {"role", "type"} & message.keys():
                raise InputError(f"{message!r:.200} is not a message: it has no role")
        elif all(hasattr(message, name) for name in ("type", "content", "text")):
            return FORMS["langchain"]
        else:
            raise InputError(
                f"{message!r:.200} is not a message; give text, dicts as the API takes them, or "
                "LangChain messages"
            )
    return None


def _role(message: Mapping[str, Any], default: str = "") -> Role:
    name = str(message.get("role") or message.get("type") or default)
    if name not in MESSAGE_ROLES:
        raise InputError(f"role {name!r} is unknown; use one of {', '.join(MESSAGE_ROLES)}")
    return MESSAGE_ROLES[name]


def _tool_ids(calls: Iterable[object], results: Iterable[object]) -> ToolIds:
    return ToolIds(frozenset(map(str, calls)), frozenset(map(str, results)))


def _blocks(content: Any) -> Sequence[Any]:
    return [content] if isinstance(content, str) else content or []


def _text_blocks(message: Mapping[str, Any]) -> tuple[list[str], bool]:
    """The text blocks of a message, and whether it holds nothing but text and tool use."""
    texts, drawable = list[str](), True
    for block in _blocks(message.get("content")):
        if isinstance(block, str):
            texts.append(block)
        elif block.get("type") in TEXT_BLOCKS:
            texts.append(str(block.get("text") or block.get("refusal") or ""))
        else:
            drawable = drawable and block.get("type") in SKIPPED_BLOCKS
    return [text for text in texts if text], drawable


def _gemini_text(part: Mapping[str, Any]) -> str | None:
    """The text of a part; None for an image or a file."""
    if "functionCall" in part:
        return f"[calls {_json(part['functionCall'])}]"
    if "functionResponse" in part:
        return f"[result of {_json(part['functionResponse'])}]"
    return str(part["text"]) if "text" in part else None


def _user_message(before: str, images: Sequence[Message], after: str) -> dict[str, Any]:
    first, last = ([{"type": "text", "text": text}] if text else [] for text in (before, after))
    return {"role": "user", "content": [*first, *images, *last]}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _with_camel_keys(part: Mapping[str, Any]) -> dict[str, Any]:
    """Gemini's REST API writes `functionCall`, its Python client `function_call`."""
    return {_camel_case(key): value for key, value in part.items()}


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
