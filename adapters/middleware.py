"""Memory for LangChain agents: old turns go to an optical memory, and the model sees, in their
place, those that bear on the question.

State and checkpoints are not touched: they keep the whole history.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AnyMessage, HumanMessage

from optimem.adapters.messages import message_keys, message_text, turns_of
from optimem.adapters.recollections import told
from optimem.adapters.sizes import Size, Trigger, any_of, checked, cut, reached
from optimem.errors import InputError, OptimemError
from optimem.memory import OpticalMemory

log = logging.getLogger("optimem")

LEAST_BUDGET = 100
NOTE = (
    "Recalled from earlier in this conversation, oldest first; \ufffd stands for a character that "
    "has faded:\n"
)
NOTHING = "Earlier messages of this conversation were left out; none bears on the question."
DEFAULT_SCOPE = "default"
FOLLOWING = 3
"""Turns after a hit among which a tool's result may be: the call, and the results of up to two."""


class OptimemMiddleware(AgentMiddleware[Any, Any, Any]):
    """`create_agent(model, tools, middleware=[OptimemMiddleware(memory)])`.

    `scope`: where the conversation is remembered; default the thread's id. `trigger`: when
    old messages are left out, as `SummarizationMiddleware` takes it: ("messages" | "tokens" |
    "fraction", n), a dict for all of several, a list for any. `keep`: what stays as it is;
    tool calls and their results stay together. `budget`: tokens of recollections; `k`: how
    many turns at most. `on_error`: when memory fails, "passthrough" sends the original
    messages and logs it, "raise" raises. Raises InputError for what cannot be used.
    """

    def __init__(
        self,
        memory: OpticalMemory,
        *,
        scope: str | None = None,
        trigger: Trigger = ("messages", 50),
        keep: Size = ("messages", 20),
        budget: int = 2000,
        k: int = 12,
        on_error: Literal["passthrough", "raise"] = "passthrough",
    ) -> None:
        super().__init__()
        if on_error not in ("passthrough", "raise"):
            raise InputError(f"on_error={on_error!r} is unknown; give 'passthrough' or 'raise'")
        if budget < LEAST_BUDGET or k < 1:
            raise InputError(
                f"budget={budget} and k={k} recall nothing; give at least {LEAST_BUDGET} tokens "
                "and one turn"
            )
        self.memory, self.scope = memory, scope
        self.trigger, self.keep = any_of(trigger), checked(keep, name="keep")
        self.budget, self.k, self.on_error = budget, k, on_error
        self.tools = []

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """The model call with recollections in place of old messages."""
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
            messages = self._remembered(request)
        except OptimemError as error:
            if self.on_error == "raise":
                raise
            log.warning("the conversation is sent without its memory: %s", error)
            return request
        return request if messages is None else request.override(messages=messages)

    def _remembered(self, request: ModelRequest[Any]) -> list[AnyMessage] | None:
        """What the model is to see; None for everything as it is."""
        messages, model = request.messages, request.model
        if not any(all(reached(messages, s, model) for s in sizes) for sizes in self.trigger):
            return None
        gone = cut(messages, self.keep, model)
        if not gone:
            return None
        scope = self._scope(request)
        self.memory.append(scope, turns_of(messages[:gone]))
        recalled = self._recalled(scope, messages, gone)
        note = HumanMessage(NOTE + recalled if recalled else NOTHING)
        return [note, *messages[gone:]]

    def _recalled(self, scope: str, messages: Sequence[AnyMessage], gone: int) -> str:
        """Recollections that bear on the question, or that a tool found right after, of what the
        model does not see anyway."""
        question = _question(messages[gone:])
        if not question.strip():
            return ""
        shown = set(message_keys(messages)[gone:])
        hits = self.memory.recall(scope, question, self.k, following=FOLLOWING)
        bearing = [hit for hit in hits if hit.score > 0 or hit.role == "tool"]
        return told([hit for hit in bearing if hit.id not in shown], self.budget)

    def _scope(self, request: ModelRequest[Any]) -> str:
        if self.scope is not None:
            return self.scope
        info = getattr(request.runtime, "execution_info", None)
        thread = getattr(info, "thread_id", None)
        return str(thread).replace("/", "%2F") if thread else DEFAULT_SCOPE


def _question(messages: Sequence[AnyMessage]) -> str:
    """What is being asked: the last thing that a human said, or the last message."""
    said: list[AnyMessage] = [message for message in messages if message.type == "human"]
    return message_text((said or list(messages))[-1])
