"""Marks that tell Anthropic's API which prefixes of a request to cache."""

from typing import Any

from langchain.agents.middleware import ModelRequest
from langchain_core.messages import AnyMessage, SystemMessage

from optimem.adapters.conversation import INSERTED, message_size
from optimem.planning.facts import Counters
from optimem.prompts.cache_rules import CacheRule

MARK = {"type": "ephemeral"}


def mark_for_cache(
    request: ModelRequest[Any], rule: CacheRule, fixed: int, count: Counters
) -> ModelRequest[Any]:
    """The request with marks that tell Anthropic's API which prefixes to cache: the system
    message with the tools, what stands for old messages, the question, and all of it. As it is
    if it is too short, for models of others, and where somebody has set marks already."""
    size = fixed + sum(message_size(message, count) for message in request.messages)
    if not rule.breakpoints or size < rule.minimum or not _takes_marks(request):
        return request
    at = [i for i, message in enumerate(request.messages) if message.type == "human"]
    stable = (f"{INSERTED}left", f"{INSERTED}pinned")
    ours = [i for i in at if request.messages[i].id in stable]
    places = {*ours[-1:], *at[-1:]} - {len(request.messages) - 1}
    messages = [
        _marked(message) if i in places else message for i, message in enumerate(request.messages)
    ]
    system = request.system_message
    return request.override(
        messages=messages,
        system_message=_marked(system) if system and system.text else system,
        model_settings={**request.model_settings, "cache_control": MARK},
    )


def _takes_marks(request: ModelRequest[Any]) -> bool:
    """Whether the model is called in Anthropic's form, and nobody else sets marks."""
    if getattr(request.model, "_llm_type", "") != "anthropic-chat":
        return False
    given: list[AnyMessage | SystemMessage] = [*request.messages]
    given += [request.system_message] if request.system_message else []
    blocks = [b for m in given if isinstance(m.content, list) for b in m.content]
    marked = any(isinstance(block, dict) and "cache_control" in block for block in blocks)
    return not marked and "cache_control" not in request.model_settings


def _marked(message: Any) -> Any:
    """A copy of a message with a mark on its last block of text."""
    blocks = message.content
    blocks = [{"type": "text", "text": blocks}] if isinstance(blocks, str) else [*blocks]
    last = blocks[-1] if blocks else None
    if not isinstance(last, dict):
        return message
    return message.model_copy(update={"content": [*blocks[:-1], {**last, "cache_control": MARK}]})
