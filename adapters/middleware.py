"""Memory for LangChain agents: old messages go to an optical memory, and the model sees in their
place the turns that match the question, or pages that show them.

State and checkpoints stay untouched: they keep the whole history, and never hold a page.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, get_args

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AnyMessage
from langgraph.types import TracePolicy, omit_payload

from optimem.adapters.messages import message_keys, to_turns
from optimem.adapters.recall import create_recall_tool
from optimem.adapters.replacements import (
    Replacement,
    best_replacement,
    image_rule,
    replace_by_pages,
    replace_by_recall,
    unchanged,
)
from optimem.adapters.sizes import Size, Trigger, cut_index, is_reached, parse_size, parse_trigger
from optimem.api.memory import OpticalMemory
from optimem.errors import ImageSupportError, InputError, OptimemError, ProviderError
from optimem.prompts import ModelRule
from optimem.turns import Scope

log = logging.getLogger("optimem")

MIN_BUDGET = 100
DEFAULT_SCOPE = "default"
"""Of a conversation without a thread."""

Mode = Literal["recall", "image", "auto"]
OnError = Literal["passthrough", "raise"]


class OptimemMiddleware(AgentMiddleware[Any, Any, Any]):
    """`create_agent(model, tools, middleware=[OptimemMiddleware(memory)])`.

    `mode`: what replaces old messages. "recall": turns that match the question, as text, for any
    model. "image": pages that show the messages, for models that take images. "auto": the
    cheapest that leaves nothing to guess, unchanged messages included. `scope`: where the
    conversation is remembered; default the thread's id. `trigger`: when old messages are
    replaced, as `SummarizationMiddleware` takes it: ("messages" | "tokens" | "fraction", n), a
    dict of sizes that must all be reached, or a list of alternatives. `keep`: how much of the
    newest messages stays; tool calls stay with their results. `budget`: tokens of the
    replacement, at least 100; `k`: turns recalled at most. `image_model`: the price rule for
    pages, by name or as a `ModelRule`; default by the model's own name. `recall_tool`: also give
    the agent a tool that searches its memory. `on_error`: if memory fails, "passthrough" logs
    it and sends the messages unchanged, "raise" raises.

    Raises InputError for invalid options. In mode "image", the first call raises
    ImageSupportError if the model takes no images, and ProviderError if no rule prices them,
    whatever `on_error` says.
    """

    trace_policy = TracePolicy(process_inputs=omit_payload)

    def __init__(
        self,
        memory: OpticalMemory,
        *,
        mode: Mode = "recall",
        scope: str | None = None,
        trigger: Trigger = ("messages", 50),
        keep: Size = ("messages", 20),
        budget: int = 2000,
        k: int = 12,
        image_model: str | ModelRule | None = None,
        recall_tool: bool = False,
        on_error: OnError = "passthrough",
    ) -> None:
        super().__init__()
        _check_choice("mode", mode, get_args(Mode))
        _check_choice("on_error", on_error, get_args(OnError))
        if budget < MIN_BUDGET or k < 1:
            raise InputError(
                f"budget={budget} and k={k} recall nothing; give at least {MIN_BUDGET} tokens "
                "and one turn"
            )
        self.memory, self.scope, self.mode = memory, scope, mode
        self.trigger, self.keep = parse_trigger(trigger), parse_size(keep, name="keep")
        self.budget, self.k, self.on_error = budget, k, on_error
        self.image_model = image_model
        self.tools = [create_recall_tool(memory, self._scope)] if recall_tool else []

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """The model call with memory in place of old messages."""
        return handler(self._shortened(request))

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        """Async twin of `wrap_model_call`."""
        return await handler(await asyncio.to_thread(self._shortened, request))

    def _shortened(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        try:
            replacement = self._replacement(request)
        except (ImageSupportError, ProviderError):
            raise
        except OptimemError as error:
            if self.on_error == "raise":
                raise
            log.warning("the conversation is sent without its memory: %s", error)
            return request
        return request.override(messages=replacement.messages) if replacement else request

    def _replacement(self, request: ModelRequest[Any]) -> Replacement | None:
        """What the model is to see; None for the messages as they are."""
        messages, cut = request.messages, self._cut(request)
        if not cut:
            return None
        scope = self._scope(request.runtime)
        self._remember(scope, messages[:cut])
        if self.mode == "image":
            rule = image_rule(request.model, self.image_model)
            return replace_by_pages(messages, cut, self.budget, rule)
        recalled = replace_by_recall(self.memory, scope, messages, cut, self.budget, self.k)
        if self.mode == "recall":
            return recalled
        return best_replacement([unchanged(messages, cut), recalled, *self._pages(request, cut)])

    def _cut(self, request: ModelRequest[Any]) -> int:
        """How many of the oldest messages to replace; 0 unless the trigger fires."""
        messages, model = request.messages, request.model
        fires = any(
            all(is_reached(messages, size, model) for size in together) for together in self.trigger
        )
        return cut_index(messages, self.keep, model) if fires else 0

    def _remember(self, scope: str, messages: Sequence[AnyMessage]) -> None:
        """Append what the memory does not hold yet: earlier calls appended nearly all of it."""
        keys = message_keys(messages)
        held = self.memory.holds(scope, keys)
        new = [index for index, known in enumerate(held) if not known]
        if new:
            turns = to_turns([messages[i] for i in new], [keys[i] for i in new])
            self.memory.append(scope, turns)

    def _pages(self, request: ModelRequest[Any], cut: int) -> list[Replacement]:
        """Pages, if the model takes images and they cost less than the text."""
        try:
            rule = image_rule(request.model, self.image_model)
        except (ImageSupportError, ProviderError):
            return []
        pages = replace_by_pages(request.messages, cut, self.budget, rule)
        return [pages] if pages else []

    def _scope(self, runtime: Any) -> str:
        if self.scope is not None:
            return self.scope
        info = getattr(runtime, "execution_info", None)
        thread = getattr(info, "thread_id", None)
        return str(Scope(session=str(thread))) if thread else DEFAULT_SCOPE


def _check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise InputError(f"{name}={value!r} is unknown; give one of {', '.join(choices)}")
