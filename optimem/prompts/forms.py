"""The forms in which APIs take messages (OpenAI's two, Anthropic's, Gemini's, LangChain's): each
parses a message, and writes the message that carries pages.

Messages that stay in a prompt are handed back as they came. `recognition` says which form messages
have. Knows nothing of prices or of drawing.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
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
RESPONSES_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
"""Items of the Responses API that call a tool, and the field that holds what it is given."""
RESPONSES_RESULTS = ("function_call_output", "custom_tool_call_output")


class ToolIds(NamedTuple):
    """`calls`: ids of the tool calls that a message makes. `results`: ids of those it answers."""

    calls: frozenset[str] = frozenset()
    results: frozenset[str] = frozenset()


NO_TOOLS = ToolIds()


@dataclass(frozen=True)
class ParsedMessage:
    """A message from any API. `text`: as pages show it, tool calls and results included. `sent`:
    the texts, names and arguments that a request holds in its place, each of which is counted.
    `drawable`: whether it is all text; an image or a file cannot be drawn on a page. `with_next`:
    whether it must stay with the message after it."""

    role: Role
    text: str
    tools: ToolIds = NO_TOOLS
    drawable: bool = True
    with_next: bool = False
    sent: tuple[str, ...] = ()

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
    parted from its results and no reasoning from what it led to."""
    start = next((i for i, one in enumerate(messages) if one.role != "system"), len(messages))
    end = max(len(messages) - keep, 0)
    end = next((i for i, one in enumerate(messages[:end]) if not one.drawable), end)
    cuts = _safe_message_cuts(messages)
    return start, max((cut for cut in cuts if start <= cut <= end), default=start)


def inseparable(messages: Sequence[ParsedMessage]) -> Iterator[Sequence[ParsedMessage]]:
    """The messages in the smallest groups that may be parted: a tool call is with its results, and
    reasoning with what it led to."""
    for start, end in pairwise([*_safe_message_cuts(messages), len(messages)]):
        if end > start:
            yield messages[start:end]


def _safe_message_cuts(messages: Sequence[ParsedMessage]) -> list[int]:
    cuts = safe_cuts(message.tools for message in messages)
    return [cut for cut in cuts if cut == 0 or not messages[cut - 1].with_next]


class ToolCall(NamedTuple):
    """A call of a tool in any API. `id`: what its result names; `arguments`: as text."""

    id: object
    name: object
    arguments: object

    @property
    def text(self) -> str:
        """As pages show it."""
        return call_text(self.name, self.arguments)


class Form(Protocol):
    """How an API writes messages."""

    def parse(self, message: Message) -> ParsedMessage:
        """What a message says. Raises InputError if it is not a message of this form."""

    def page_message(self, before: str, pages: Sequence[PageImage], after: str) -> Message:
        """A user's message: text, pages, text. Empty text is left out."""


class OpenAIForm:
    """Chat Completions: https://developers.openai.com/api/docs/guides/images-vision. Images go
    with detail "high", the level that the price rules are for. The older `function_call` has no
    id; the next message of role "function" with its name answers it."""

    def parse(self, message: Message) -> ParsedMessage:
        """See `Form`."""
        texts, drawable = _text_blocks(message)
        calls = [_chat_call(call) for call in message.get("tool_calls") or ()]
        if function := message.get("function_call"):
            called = function["name"]
            calls.append(ToolCall(called, called, function.get("arguments", "")))
        answered, name = message.get("tool_call_id"), message.get("name")
        if message.get("role") == "function":
            answered = name
        label = [f"[{name}]"] if name and not answered else []
        return ParsedMessage(
            role=_role(message),
            text=_shown([*label, *texts], calls),
            tools=_tool_ids([call.id for call in calls], [answered] if answered else []),
            drawable=drawable,
            sent=_sent(texts, calls, None if message.get("role") == "tool" else name),
        )

    def page_message(self, before: str, pages: Sequence[PageImage], after: str) -> Message:
        """See `Form`."""
        images = [
            {"type": "image_url", "image_url": {"url": page.url, "detail": "high"}}
            for page in pages
        ]
        return _user_message(before, images, after)


class ResponsesForm:
    """Input items of OpenAI's Responses API:
    https://developers.openai.com/api/docs/guides/function-calling. Items other than messages,
    reasoning, and calls of functions and custom tools stay as they are."""

    def parse(self, message: Message) -> ParsedMessage:
        """See `Form`."""
        kind = message.get("type", "message")
        if kind == "message":
            texts, drawable = _text_blocks(message)
            text, sent = "\n".join(texts), _sent(texts)
            return ParsedMessage(_role(message), text, drawable=drawable, sent=sent)
        if kind in RESPONSES_CALLS:
            arguments = message.get(RESPONSES_CALLS[kind], "")
            call = ToolCall(message.get("call_id"), message.get("name"), arguments)
            tools = _tool_ids([call.id], [])
            return ParsedMessage("assistant", call.text, tools, sent=_sent([], [call]))
        if kind in RESPONSES_RESULTS:
            texts, drawable = _text_blocks({"content": message.get("output")})
            tools = _tool_ids([], [message.get("call_id")])
            return ParsedMessage(
                "tool", "\n".join(texts), tools, drawable=drawable, sent=_sent(texts)
            )
        is_reasoning = kind == "reasoning"
        return ParsedMessage("assistant", "", drawable=is_reasoning, with_next=is_reasoning)

    def page_message(self, before: str, pages: Sequence[PageImage], after: str) -> Message:
        """See `Form`."""
        images = [
            {"type": "input_image", "image_url": page.url, "detail": "high"} for page in pages
        ]
        return _user_message(before, images, after, kind="input_text")


class AnthropicForm:
    """Messages: https://platform.claude.com/docs/en/build-with-claude/vision."""

    def parse(self, message: Message) -> ParsedMessage:
        """See `Form`."""
        texts, drawable = _text_blocks(message)
        blocks = [b for b in _blocks(message.get("content")) if isinstance(b, Mapping)]
        calls = [
            ToolCall(block.get("id"), block.get("name"), _json(block.get("input", {})))
            for block in blocks
            if block.get("type") == "tool_use"
        ]
        results = [block for block in blocks if block.get("type") == "tool_result"]
        answers = [_text_blocks(block) for block in results]
        shown = [_shown(texts, calls), *(text for answer, _ in answers for text in answer)]
        return ParsedMessage(
            role="tool" if results else _role(message),
            text="\n".join(filter(None, shown)),
            tools=_tool_ids(
                [call.id for call in calls], [block.get("tool_use_id") for block in results]
            ),
            drawable=drawable and all(is_text for _, is_text in answers),
            sent=_sent([*texts, *(text for answer, _ in answers for text in answer)], calls),
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
            sent=tuple(text for part in parts for text in _gemini_sent(part)),
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
        calls = [
            ToolCall(call["id"], call["name"], _json(call["args"]))
            for call in getattr(message, "tool_calls", None) or ()
        ]
        label = [f"[{message.name}]"] if tools.results and getattr(message, "name", None) else []
        role = MESSAGE_ROLES.get(str(message.type), "text")
        text = _shown([*label, *texts], calls)
        return ParsedMessage(role, text, tools, drawable, sent=_sent(texts, calls))

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
    "responses": ResponsesForm(),
    "anthropic": AnthropicForm(),
    "gemini": GeminiForm(),
    "langchain": LangChainForm(),
}


def block_texts(message: Mapping[str, Any]) -> list[str]:
    """The texts in a message's content, without calls of tools and their results."""
    return _text_blocks(message)[0]


def attached_blocks(content: Any) -> list[Mapping[str, Any]]:
    """The blocks of a message's content that are not text: images, files and the like."""
    blocks = content if isinstance(content, list | tuple) else ()
    known = (*TEXT_BLOCKS, *SKIPPED_BLOCKS)
    return [b for b in blocks if isinstance(b, Mapping) and str(b.get("type")) not in known]


def block_kind(block: Mapping[str, Any]) -> str:
    """What a block is: "image", "file" or the like."""
    return str(block.get("type")).removesuffix("_url").removeprefix("input_")


def _role(message: Mapping[str, Any], default: str = "") -> Role:
    name = str(message.get("role") or message.get("type") or default)
    if name not in MESSAGE_ROLES:
        raise InputError(f"role {name!r} is unknown; use one of {', '.join(MESSAGE_ROLES)}")
    return MESSAGE_ROLES[name]


def _tool_ids(calls: Iterable[object], results: Iterable[object]) -> ToolIds:
    return ToolIds(frozenset(map(str, calls)), frozenset(map(str, results)))


def _blocks(content: Any) -> Sequence[Any]:
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list | tuple | None):
        raise InputError(f"content {content!r:.200} is neither text nor a list of blocks")
    for block in content or ():
        if not isinstance(block, str | Mapping):
            raise InputError(f"{block!r:.200} is not a block of a message's content")
    return content or []


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


def _shown(texts: Sequence[str], calls: Sequence[ToolCall] = ()) -> str:
    """Texts and tool calls as pages show them."""
    return "\n".join([*texts, *(call.text for call in calls)])


def _sent(
    texts: Sequence[str], calls: Sequence[ToolCall] = (), name: object = None
) -> tuple[str, ...]:
    """What a request holds of a message: its texts, its author's name, and each call's name and
    arguments."""
    said = [str(part) for call in calls for part in (call.name, call.arguments) if part]
    return (*([str(name)] if name else ()), *texts, *said)


def _gemini_text(part: Mapping[str, Any]) -> str | None:
    """The text of a part; None for an image or a file."""
    if "functionCall" in part:
        return f"[calls {_json(part['functionCall'])}]"
    if "functionResponse" in part:
        return f"[result of {_json(part['functionResponse'])}]"
    return str(part["text"]) if "text" in part else None


def _gemini_sent(part: Mapping[str, Any]) -> list[str]:
    """What a request holds of a part that is text, a call or a result."""
    if "functionCall" in part:
        call = part["functionCall"]
        return [str(call.get("name")), _json(call.get("args", {}))]
    if "functionResponse" in part:
        result = part["functionResponse"]
        return [str(result.get("name")), _json(result.get("response", {}))]
    return [str(part["text"])] if "text" in part else []


def _chat_call(call: Mapping[str, Any]) -> ToolCall:
    """A tool call, which is of a function or of a custom tool."""
    function, custom = call.get("function") or {}, call.get("custom") or {}
    name = function.get("name") or custom.get("name")
    return ToolCall(call.get("id"), name, function.get("arguments") or custom.get("input", ""))


def _user_message(
    before: str, images: Sequence[Message], after: str, kind: str = "text"
) -> dict[str, Any]:
    first, last = ([{"type": kind, "text": text}] if text else [] for text in (before, after))
    return {"role": "user", "content": [*first, *images, *last]}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _with_camel_keys(part: Mapping[str, Any]) -> dict[str, Any]:
    """Gemini's REST API writes `functionCall`, its Python client `function_call`."""
    return {_camel_case(key): value for key, value in part.items()}


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
