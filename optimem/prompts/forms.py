"""What a prompt's messages say, whatever API they are written for, and where they may be cut.

Knows nothing of any API's form (`forms`), of pages or of prices.

The forms in which APIs take messages: OpenAI's, Anthropic's, Gemini's and LangChain's.

Each says what a message says, and writes the message that carries pages. Messages that stay are
handed back as they came. Knows nothing of prices or of drawing.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, cast

from optimem.errors import InputError
from optimem.prompts.pages import PageImage
from optimem.turns import Role, Turn


class Links(NamedTuple):
    """Ids of the tools that a message calls, and of the calls that it answers."""

    calls: frozenset[str]
    results: frozenset[str]


class Linked(Protocol):
    """Whatever tells its `Links`."""

    @property
    def calls(self) -> frozenset[str]: ...

    @property
    def results(self) -> frozenset[str]: ...


@dataclass(frozen=True)
class Said:
    """One message. `calls`, `results`: ids of the tools that it calls, and of the calls that
    it answers. `drawable`: it is all text; an image or a file cannot be drawn as a page."""

    role: Role
    text: str
    calls: frozenset[str] = frozenset()
    results: frozenset[str] = frozenset()
    drawable: bool = True

    @property
    def turn(self) -> Turn:
        """The message as a turn that can be drawn or remembered."""
        return Turn(text=self.text, role=self.role)


def whole_places(said: Iterable[Linked]) -> list[int]:
    """Places before which a conversation may be cut: every call made there has its result."""
    places, waiting = [0], set[str]()
    for place, message in enumerate(said, 1):
        waiting = (waiting | message.calls) - message.results
        if not waiting:
            places.append(place)
    return places


def head(said: Sequence[Said], keep: int) -> tuple[int, int]:
    """Where the part of a conversation that can become pages starts and ends: after the system
    messages that it opens with, before the last `keep` messages, before anything that cannot be
    drawn, and never between a tool call and its results."""
    start = next((i for i, one in enumerate(said) if one.role != "system"), len(said))
    end = max(len(said) - keep, 0)
    end = next((i for i, one in enumerate(said[:end]) if not one.drawable), end)
    return start, max(
        (place for place in whole_places(said) if start <= place <= end), default=start
    )


Message = Any
"""A message in an API's own form: a dict, or a LangChain message."""

ROLES: dict[str, Role] = {
    "system": "system", "developer": "system", "user": "user", "human": "user",
    "assistant": "assistant", "ai": "assistant", "model": "assistant",
    "tool": "tool", "function": "tool",
}  # fmt: skip

NOT_SHOWN = ("tool_use", "tool_result", "tool_call", "thinking", "redacted_thinking", "reasoning")
"""Blocks that are told elsewhere or need not be: anything else that is no text is an image, a
file or the like."""


class Form(Protocol):
    """How an API writes messages."""

    def said(self, message: Message) -> Said:
        """What a message says. Raises InputError for what is no message of this form."""

    def pages(self, before: str, pages: Sequence[PageImage], after: str) -> Message:
        """A user's message: text, pages, text (left out where empty)."""


class OpenAIForm:
    """Chat Completions: https://developers.openai.com/api/docs/guides/images-vision. Images go
    with detail "high", for which the price rules hold."""

    def said(self, message: Message) -> Said:
        """See `Form`."""
        texts, drawable = _texts(message)
        calls = [call for call in message.get("tool_calls") or () if isinstance(call, Mapping)]
        for call in calls:
            function = call.get("function") or {}
            texts.append(f"[calls {function.get('name')}({function.get('arguments', '')})]")
        answered = message.get("tool_call_id")
        return Said(
            role=_role(message),
            text="\n".join(texts),
            calls=frozenset(str(call.get("id")) for call in calls),
            results=frozenset([str(answered)] if answered else []),
            drawable=drawable,
        )

    def pages(self, before: str, pages: Sequence[PageImage], after: str) -> Message:
        """See `Form`."""
        images = [
            {"type": "image_url", "image_url": {"url": _data_url(page), "detail": "high"}}
            for page in pages
        ]
        return {"role": "user", "content": [*_text(before), *images, *_text(after)]}


class AnthropicForm:
    """Messages: https://platform.claude.com/docs/en/build-with-claude/vision."""

    def said(self, message: Message) -> Said:
        """See `Form`."""
        texts, drawable = _texts(message)
        blocks = [b for b in _blocks(message.get("content")) if isinstance(b, Mapping)]
        used = [block for block in blocks if block.get("type") == "tool_use"]
        results = [block for block in blocks if block.get("type") == "tool_result"]
        texts += [f"[calls {b.get('name')}({_json(b.get('input', {}))})]" for b in used]
        for block in results:
            inner, whole = _texts(block)
            texts, drawable = texts + inner, drawable and whole
        return Said(
            role="tool" if results else _role(message),
            text="\n".join(texts),
            calls=frozenset(str(block.get("id")) for block in used),
            results=frozenset(str(block.get("tool_use_id")) for block in results),
            drawable=drawable,
        )

    def pages(self, before: str, pages: Sequence[PageImage], after: str) -> Message:
        """See `Form`."""
        source = {"type": "base64", "media_type": "image/png"}
        images = [{"type": "image", "source": {**source, "data": page.base64}} for page in pages]
        return {"role": "user", "content": [*_text(before), *images, *_text(after)]}


class GeminiForm:
    """Contents: https://ai.google.dev/gemini-api/docs/image-understanding. A call is answered by
    the next content that holds a result of the same name, as ids are optional there."""

    def said(self, message: Message) -> Said:
        """See `Form`."""
        texts, drawable = list[str](), True
        names: dict[str, set[str]] = {"functionCall": set(), "functionResponse": set()}
        for part in message.get("parts") or ():
            part = {_camel(key): value for key, value in cast(Mapping[str, Any], part).items()}
            found = next((kind for kind in names if kind in part), None)
            if found:
                names[found].add(str(part[found].get("id") or part[found].get("name")))
                verb = "calls" if found == "functionCall" else "result of"
                texts.append(f"[{verb} {_json(part[found])}]")
            elif "text" in part:
                texts.append(str(part["text"]))
            else:
                drawable = False
        results = frozenset(names["functionResponse"])
        role = "tool" if results else _role(message, default="user")
        return Said(role, "\n".join(texts), frozenset(names["functionCall"]), results, drawable)

    def pages(self, before: str, pages: Sequence[PageImage], after: str) -> Message:
        """See `Form`."""
        images = [{"inline_data": {"mime_type": "image/png", "data": p.base64}} for p in pages]
        texts = [[{"text": text}] if text else [] for text in (before, after)]
        return {"role": "user", "parts": [*texts[0], *images, *texts[1]]}


class LangChainForm:
    """LangChain's messages, known by their attributes; the pages come as a dict with standard
    content blocks, which every chat model takes beside messages."""

    def said(self, message: Message) -> Said:
        """See `Form`."""
        if isinstance(message, Mapping):
            return OpenAIForm().said(message)
        kind, links = str(message.type), self.links(message)
        _, drawable = _texts({"content": message.content})
        texts = [str(message.text)] if message.text else []
        calls = getattr(message, "tool_calls", None) or ()
        texts += [f"[calls {call['name']}({_json(call['args'])})]" for call in calls]
        if links.results and getattr(message, "name", None):
            texts.insert(0, f"[{message.name}]")
        return Said(
            role=ROLES.get(kind, "text"),
            text="\n".join(texts),
            calls=links.calls,
            results=links.results,
            drawable=drawable,
        )

    @staticmethod
    def links(message: Message) -> Links:
        """Calls and results alone, for a message that is no dict."""
        answered = getattr(message, "tool_call_id", None)
        calls = getattr(message, "tool_calls", None) or ()
        return Links(
            frozenset(str(call["id"]) for call in calls),
            frozenset([str(answered)] if answered else []),
        )

    def pages(self, before: str, pages: Sequence[PageImage], after: str) -> Message:
        """See `Form`."""
        images = [
            {"type": "image", "base64": page.base64, "mime_type": "image/png"} for page in pages
        ]
        return {"role": "user", "content": [*_text(before), *images, *_text(after)]}


FORMS: dict[str, Form] = {
    "openai": OpenAIForm(),
    "anthropic": AnthropicForm(),
    "gemini": GeminiForm(),
    "langchain": LangChainForm(),
}


def form_of(messages: Sequence[Message], provider: str, asked: str | None = None) -> Form:
    """The form in which messages are written: `asked`, or what they look like, or a provider's
    own for dicts with a role and content. Raises InputError for what is no message, or cannot
    be of the form that was asked for."""
    found = _recognised(messages) or FORMS["openai" if provider == "gemini" else provider]
    if asked is None or found is FORMS[asked]:
        return found
    if found is FORMS["langchain"]:
        raise InputError(f"LangChain messages are not written as {asked!r}; leave form out")
    return FORMS[asked]


def _recognised(messages: Sequence[Message]) -> Form | None:
    """The form of messages that could be of no other; None for dicts with a role."""
    for message in messages:
        if isinstance(message, Mapping):
            if "parts" in message:
                return FORMS["gemini"]
            if not {"role", "type"} & message.keys():
                raise InputError(f"{message!r:.200} is no message; it has no role")
        elif all(hasattr(message, name) for name in ("type", "content", "text")):
            return FORMS["langchain"]
        else:
            raise InputError(
                f"{message!r:.200} is no message; give text, dicts as the API takes them, or "
                "LangChain messages"
            )
    return None


def _role(message: Mapping[str, Any], default: str = "") -> Role:
    name = str(message.get("role") or message.get("type") or default)
    if name not in ROLES:
        raise InputError(f"role {name!r} is unknown; use one of {', '.join(ROLES)}")
    return ROLES[name]


def _blocks(content: Any) -> Sequence[Any]:
    return [content] if isinstance(content, str) else content or []


def _texts(message: Mapping[str, Any]) -> tuple[list[str], bool]:
    """The text blocks of a message, and whether there is nothing but text and tools in it."""
    texts, drawable = list[str](), True
    for block in _blocks(message.get("content")):
        if isinstance(block, str):
            texts.append(block)
        elif block.get("type") in ("text", "input_text", "output_text", "refusal"):
            texts.append(str(block.get("text") or block.get("refusal") or ""))
        else:
            drawable = drawable and block.get("type") in NOT_SHOWN
    return [text for text in texts if text], drawable


def _text(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}] if text else []


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _data_url(page: PageImage) -> str:
    return f"data:image/png;base64,{page.base64}"
