"""Messages of OpenAI's and Anthropic's APIs as a plan knows them, and the parts of a plan as
messages again, written as they came wherever that is possible."""

import json
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

from optimem.memory.caching import LRU
from optimem.planning.conversation import Conversation
from optimem.planning.facts import Counters, Facts
from optimem.planning.layout import Drawn, Note, Part
from optimem.prompts.forms import (
    FORMS,
    RESPONSES_CALLS,
    RESPONSES_RESULTS,
    attached_blocks,
    block_kind,
    block_texts,
)
from optimem.prompts.pixels import block_pixels
from optimem.proxy.wire import Api, Body

KINDS = {"system": "system", "user": "human", "assistant": "ai", "tool": "tool"}
"""A plan's kinds of messages, by role."""
PASSING = ("id", "call_id", "tool_call_id", "tool_use_id", "status", "cache_control")
"""Fields of a message or a block that say nothing: a client may make them anew, or move them."""
ITEMS = ("message", "reasoning", *RESPONSES_CALLS, *RESPONSES_RESULTS)
"""Items of the Responses API that are understood."""
KNOWN = 1 << 13
"""Messages of which the facts are kept."""
BILLING = "x-anthropic-billing-header"
"""What a system block of Claude Code starts with that differs from call to call."""


def is_understood(api: Api, body: Body) -> bool:
    """Whether all messages can be told apart into calls and results: items of the Responses API
    that we do not know might belong together."""
    return api.form != "responses" or all(
        message.get("type", "message") in ITEMS for message in body.messages
    )


def head_length(body: Body) -> int:
    """How many messages at the start are system messages, and always stay there."""
    others = (i for i, span in enumerate(body.spans) if not _is_system(span.message))
    return next(others, len(body.spans))


def system_texts(api: Api, body: Body, head: int) -> list[str]:
    """The texts of the system prompt, wherever an API has it."""
    given = body.fields.get(api.system) if api.system else None
    blocks = [{"content": given}, *body.messages[:head]] if given else body.messages[:head]
    texts = [text for block in blocks for text in block_texts(block)]
    return [text for text in texts if not text.startswith(BILLING)]


def read_conversation(api: Api, body: Body, head: int, key: str, count: Counters) -> Conversation:
    """The messages after the first `head` ones. `key`: what their names start with. Raises
    InputError for what is not a message."""
    facts, before = list[Facts](), ""
    for index in range(head, len(body.spans)):
        now = _known_facts(api.form, body.spans[index].message, body.written(index))
        facts.append(now._replace(begins=now.kind == "ai" and before != "ai"))
        before = now.kind
    return Conversation(body.messages[head:], facts, key, count, api.form)


def write_messages(body: Body, head: int, parts: Iterable[Part]) -> list[str]:
    """The messages of a plan as JSON, after the first `head` ones."""
    return [body.written(index) for index in range(head)] + [
        body.written(head + part) if isinstance(part, int) else as_json(_put_in(part))
        for part in parts
    ]


def drawn_tokens(conversation: Conversation, part: Drawn) -> int:
    """Tokens of a message that shows pages."""
    written = as_json(part.message)
    return _known_facts(conversation.form, part.message, written).tokens(conversation.count)


def identity(message: Mapping[str, Any]) -> str:
    """A hash of what a message says."""
    said = json.dumps(_said(message), sort_keys=True)
    return blake2b(said.encode(), digest_size=16).hexdigest()


def as_json(value: Any) -> str:
    """JSON as the proxy writes it."""
    return json.dumps(value, separators=(",", ":"))


def _put_in(part: Note | Drawn) -> Any:
    return {"role": "user", "content": part.text} if isinstance(part, Note) else part.message


_facts_known: LRU[tuple[str, bytes], Facts] = LRU(KNOWN)


def _known_facts(form: str, message: Mapping[str, Any], written: str) -> Facts:
    """What is known of a message; of one that is written the same it is known already."""
    key = form, blake2b(written.encode(), digest_size=16).digest()
    facts = _facts_known.get(key)
    if facts is None:
        facts = _facts(form, message)
        _facts_known.put(key, facts)
    return facts


def _facts(form: str, message: Mapping[str, Any]) -> Facts:
    parsed = FORMS[form].parse(message)
    blocks = attached_blocks(message.get("content") or message.get("output"))
    for result in _blocks(message, "tool_result"):
        blocks += attached_blocks(result.get("content"))
    name = message.get("name")
    return Facts(
        kind=KINDS.get(parsed.role, "human"),
        parsed=parsed,
        text="\n".join(block_texts(message)),
        content=identity(message),
        name=name if isinstance(name, str) and parsed.role == "user" else None,
        attached=tuple((block_kind(block), block_pixels(block)) for block in blocks),
    )


def _said(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message without what says nothing. A text alone is the same as a list of it, which clients
    write to mark it for the cache."""
    said = {
        key: [_without_ids(each) for each in value] if isinstance(value, list) else value
        for key, value in _without_ids(message).items()
    }
    match said.get("content"):
        case [{"type": "text", "text": text, **others}] if not others:
            said["content"] = text
    return said


def _without_ids(block: Any) -> Any:
    if not isinstance(block, Mapping):
        return block
    return {key: value for key, value in block.items() if key not in PASSING}


def _blocks(message: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    content = message.get("content")
    blocks = content if isinstance(content, list) else []
    return [b for b in blocks if isinstance(b, Mapping) and b.get("type") == kind]


def _is_system(message: Mapping[str, Any]) -> bool:
    return message.get("role") in ("system", "developer")
