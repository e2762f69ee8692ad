"""A seeded conversation as the requests of a client that sends its whole history at each call, in
the form of the API that a model is called by.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from benchmarks.agents.conversation import Conversation
from benchmarks.agents.cost import SYSTEM
from benchmarks.agents.exchanges import Exchange
from benchmarks.agents.runs import TOOLS
from optimem.proxy.wire import APIS, Api

Message = dict[str, Any]
CHAT, CLAUDE = APIS[b"/chat/completions"], APIS[b"/messages"]
MARK = {"cache_control": {"type": "ephemeral"}}


class Dialect(NamedTuple):
    """How a model is called."""

    model: str
    api: Api

    def body(self, messages: Sequence[Message]) -> bytes:
        """A request. Claude's has the marks that its own clients set: after the system prompt, and
        at the end."""
        fields: Message = {"model": self.model, "tools": _tools(self.api)}
        if self.api is CLAUDE:
            fields |= {"max_tokens": 1024, "system": [{"type": "text", "text": SYSTEM, **MARK}]}
            fields["messages"] = [*messages[:-1], _marked(messages[-1])]
        else:
            fields["messages"] = [{"role": "system", "content": SYSTEM}, *messages]
        return json.dumps(fields).encode()


def dialect_for(model: str) -> Dialect:
    """Anthropic's API for its models, OpenAI's for all others."""
    return Dialect(model, CLAUDE if model.startswith("claude") else CHAT)


def histories(talk: Conversation, api: Api) -> Iterator[tuple[int, list[Message]]]:
    """The history at each call of the model, with the number of the turn."""
    said = list[Message]()
    for turn, exchange in enumerate(talk.exchanges):
        said.append({"role": "user", "content": exchange.request})
        for step in _steps(exchange):
            yield turn, [*said]
            said += _called(exchange, turn, step, api)
        yield turn, [*said]
        said.append({"role": "assistant", "content": exchange.answer})


def asking(talk: Conversation, api: Api) -> list[Message]:
    """The whole history, which questions are added to."""
    *_, (_, last) = histories(talk, api)
    return [*last, {"role": "assistant", "content": talk.exchanges[-1].answer}]


def _steps(exchange: Exchange) -> list[list[int]]:
    """The numbers of the calls that are made at once, in turn."""
    numbers = [*range(len(exchange.calls))]
    return [[number] for number in numbers] if exchange.in_turn else [numbers] if numbers else []


def _called(exchange: Exchange, turn: int, step: Sequence[int], api: Api) -> list[Message]:
    """The calls of a step, and their results."""
    calls = [(f"call_{turn}_{number}", exchange.calls[number]) for number in step]
    if api is CLAUDE:
        uses = [
            {"type": "tool_use", "id": key, "name": call.tool, "input": {"query": call.query}}
            for key, call in calls
        ]
        results = [
            {"type": "tool_result", "tool_use_id": key, "content": call.result}
            for key, call in calls
        ]
        return [{"role": "assistant", "content": uses}, {"role": "user", "content": results}]
    functions = [
        {"id": key, "type": "function",
         "function": {"name": call.tool, "arguments": json.dumps({"query": call.query})}}
        for key, call in calls
    ]  # fmt: skip
    answers = [{"role": "tool", "tool_call_id": key, "content": call.result} for key, call in calls]
    return [{"role": "assistant", "content": None, "tool_calls": functions}, *answers]


def _marked(message: Message) -> Message:
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return {**message, "content": [*blocks[:-1], {**blocks[-1], **MARK}]}


def _tools(api: Api) -> list[Message]:
    schema = {"type": "object", "properties": {"query": {"type": "string"}}}
    if api is CLAUDE:
        return [
            {"name": name, "description": said, "input_schema": schema}
            for name, said in TOOLS.items()
        ]
    return [
        {"type": "function", "function": {"name": n, "description": said, "parameters": schema}}
        for n, said in TOOLS.items()
    ]
