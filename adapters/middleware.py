"""Memory for LangChain agents: old turns go to an optical memory, and the model sees, in their
place, those that bear on the question, or pages that show them.

State and checkpoints are not touched: they keep the whole history, and never a page.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, get_args

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AnyMessage
from langgraph.types import TracePolicy, omit_payload

from optimem.adapters.messages import message_keys, turns_of
from optimem.adapters.replacements import Replacement, best, drawn, image_rule, original, recalled
from optimem.adapters.sizes import Size, Trigger, any_of, checked, cut, reached
from optimem.adapters.tool import create_recall_tool
from optimem.api.memory import OpticalMemory
from optimem.errors import ImageSupportError, InputError, OptimemError, ProviderError
from optimem.prompts import ModelRule

log = logging.getLogger("optimem")

LEAST_BUDGET = 100
DEFAULT_SCOPE = "default"

Mode = Literal["recall", "image", "auto"]
OnError = Literal["passthrough", "raise"]


class OptimemMiddleware(AgentMiddleware[Any, Any, Any]):
    """`create_agent(model, tools, middleware=[OptimemMiddleware(memory)])`.

    `mode`: what stands in place of old messages. "recall": turns that bear on the question, as
    text, for any model. "image": pages that show them, for models that take images. "auto":
    whichever costs least of what leaves nothing to be guessed, the messages as they are among
    them. `scope`: where the conversation is remembered; default the thread's id. `trigger`:
    when old messages are left out, as `SummarizationMiddleware` takes it: ("messages" |
    "tokens" | "fraction", n), a dict for all of several, a list for any. `keep`: what stays as
    it is; tool calls and their results stay together. `budget`: tokens of what stands in
    their place; `k`: how many turns are recalled at most. `image_model`: whose price rule holds
    for pages, a name or a `ModelRule`; default the model's own name. `recall_tool`: also give
    the agent a tool that searches its memory. `on_error`: when memory fails, "passthrough"
    sends the original messages and logs it, "raise" raises; a mode that the model cannot serve
    raises always.

    Raises InputError for what cannot be used; ImageSupportError and ProviderError at the first
    call in mode "image" of a model that takes no images, or whose price is not known.
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
        for name, given, known in (("mode", mode, Mode), ("on_error", on_error, OnError)):
            if given not in get_args(known):
                raise InputError(f"{name}={given!r} is unknown; give one of {get_args(known)}")
        if budget < LEAST_BUDGET or k < 1:
            raise InputError(
                f"budget={budget} and k={k} recall nothing; give at least {LEAST_BUDGET} tokens "
                "and one turn"
            )
        self.memory, self.scope, self.mode = memory, scope, mode
        self.trigger, self.keep = any_of(trigger), checked(keep, name="keep")
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
        """What the model is to see; None for everything as it is."""
        messages, model = request.messages, request.model
        if not any(all(reached(messages, s, model) for s in sizes) for sizes in self.trigger):
            return None
        gone = cut(messages, self.keep, model)
        if not gone:
            return None
        scope = self._scope(request.runtime)
        self._remember(scope, messages[:gone])
        if self.mode == "image":
            return drawn(messages, gone, self.budget, image_rule(model, self.image_model))
        found = recalled(self.memory, scope, messages, gone, self.budget, self.k)
        if self.mode == "recall":
            return found
        return best([original(messages, gone), found, *self._pages(request, gone)])

    def _remember(self, scope: str, messages: Sequence[AnyMessage]) -> None:
        """Append those that the memory does not hold: nearly all are there from earlier calls."""
        keys = message_keys(messages)
        held = self.memory.holds(scope, keys)
        new = [place for place, known in enumerate(held) if not known]
        if new:
            turns = turns_of([messages[at] for at in new], [keys[at] for at in new])
            self.memory.append(scope, turns)

    def _pages(self, request: ModelRequest[Any], gone: int) -> list[Replacement]:
        """Pages, if the model can be shown any for less than the text."""
        try:
            rule = image_rule(request.model, self.image_model)
        except (ImageSupportError, ProviderError):
            return []
        pages = drawn(request.messages, gone, self.budget, rule)
        return [pages] if pages else []

    def _scope(self, runtime: Any) -> str:
        if self.scope is not None:
            return self.scope
        info = getattr(runtime, "execution_info", None)
        thread = getattr(info, "thread_id", None)
        return str(thread).replace("/", "%2F") if thread else DEFAULT_SCOPE
