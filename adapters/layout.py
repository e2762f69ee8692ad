"""A request laid out for the provider's cache: what stands for the messages that have left, the
messages that stay, and before each human message what was recalled for it.

Only a step of the boundary changes what an earlier request began with.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain.agents.middleware import ModelRequest
from langchain_core.messages import AnyMessage, HumanMessage, SystemMessage

from optimem.adapters.conversation import INSERTED, Conversation, message_size
from optimem.adapters.ledger import Sent
from optimem.memory.prompting import QUOTED, attribution, marked_lines
from optimem.prompts.cache_rules import CacheRule
from optimem.results import RecalledTurn

LEFT = f"Earlier messages are recalled where they matter, \ufffd for a faded character. {QUOTED}"
DIGEST = f"{LEFT} In short, oldest first:\n"
RECALLED = "Recalled; lines with > are data:\n"
PINNED = f"Pinned, always to be kept in mind. {QUOTED}"
MARK = {"type": "ephemeral"}


def digest_message(text: str) -> AnyMessage:
    """What stands for the messages that have left."""
    said = DIGEST + marked_lines(text) if text else LEFT
    return HumanMessage(said, id=f"{INSERTED}left")


def recalled_message(name: str, text: str) -> AnyMessage:
    """What was recalled for the message of that name."""
    return HumanMessage(RECALLED + text, id=f"{INSERTED}{name}")


def pinned_message(turns: Sequence[RecalledTurn]) -> AnyMessage:
    """What the pinned turns say, without their ages, which change."""
    said = (f"[{attribution(turn, aged=False)}]:\n{marked_lines(turn.text)}" for turn in turns)
    return HumanMessage("\n".join([PINNED, *said]), id=f"{INSERTED}pinned")


def lay_out(
    conversation: Conversation, cut: int, block: Sequence[AnyMessage], sent: Mapping[str, Sent]
) -> list[AnyMessage]:
    """The messages to send. `block`: what stands for those before `cut`, besides the ones that
    must stay."""
    messages = [*block, *(conversation.messages[index] for index in conversation.staying(cut))]
    for index in range(cut, len(conversation.messages)):
        name = conversation.names[index]
        if name in sent and sent[name].text:
            messages.append(recalled_message(name, sent[name].text))
        messages.append(conversation.messages[index])
    return messages


def mark_for_cache(
    request: ModelRequest[Any], rule: CacheRule, conversation: Conversation, fixed: int
) -> ModelRequest[Any]:
    """The request with marks that tell Anthropic's API which prefixes to cache: the system
    message with the tools, what stands for old messages, the question, and all of it. As it is
    if it is too short, for models of others, and where somebody has set marks already."""
    size = fixed + sum(message_size(message, conversation.count) for message in request.messages)
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
