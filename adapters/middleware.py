"""Memory for LangChain agents: old messages leave the prompt when that is cheaper, and what matters
of them is recalled where it is needed.

State and checkpoints stay untouched: they keep the whole history, and never hold a page.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, get_args

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AnyMessage
from langgraph.types import TracePolicy, omit_payload

from optimem.adapters.calls import read_call
from optimem.adapters.conversation import read_conversation, write_messages
from optimem.adapters.digest import Digest, as_digest
from optimem.adapters.marks import mark_for_cache
from optimem.adapters.pages import image_formula, image_rule
from optimem.adapters.recall import create_recall_tool
from optimem.adapters.scopes import ScopeGiven, UserGiven, find_place
from optimem.api.memory import OpticalMemory
from optimem.errors import ImageSupportError, InputError, OptimemError, ProviderError
from optimem.memory.recall.prompting import count_tokens
from optimem.planning.facts import Counters
from optimem.planning.places import Place
from optimem.planning.planner import Limits, Mode, Planner
from optimem.planning.sizes import Size, Trigger
from optimem.prompts import ModelRule
from optimem.prompts.cache_rules import CacheRule
from optimem.prompts.draft import TokenCounter
from optimem.turns import Scope

log = logging.getLogger("optimem")

OnError = Literal["passthrough", "raise"]


class OptimemMiddleware(AgentMiddleware[Any, Any, Any]):
    """`create_agent(model, tools, middleware=[OptimemMiddleware(memory)])`.

    `mode`: what stands for old messages. "recall": a short digest, and turns that match each
    question before it, as text, for any model. "image": pages that show the messages, for models
    that take images. "auto": pages if they leave nothing to guess and cost less than the
    messages, else "recall".

    `scope`: where the conversation is remembered: a scope, or a function that derives it from the
    agent's runtime; default the thread's id under the user that the runtime's context names.
    Without a thread and a scope nothing is stored or recalled. `user`: the field of the context
    with the user's id, or a function of the runtime; what a user said in other threads is
    recalled, too. `namespace`: of these scopes.

    `trigger`: when old messages leave, as `SummarizationMiddleware` takes it: ("messages" |
    "tokens" | "fraction", n), a dict of sizes that must all be reached, or a list of
    alternatives; default when that is cheaper, by the provider's prices for cached prompts
    (`cache`: a `CacheRule`, or the name of the model, if not the model's own). `keep`: how much
    of the newest messages always stays; tool calls stay with their results, and the last human
    message with everything after it. `budget`: tokens of what is recalled for a question
    (default 240) or of all pages (2000), at least 100; `max_tokens`: of a request, as far as what
    always stays allows; a warning tells, once, if it leaves no room to recall anything. `k`: turns
    recalled at most. `count`: counts the tokens of a text, default by DeepSeek's tokenizer.
    `digest`: a chat model, or a function of the messages that have left, to write the digest;
    default sentences taken from them. `image_model`: the price rule for pages, by name or as a
    `ModelRule`; default by the model's own name. `recall_tool`: also give the agent a tool that
    searches its memory. `name`: tells several middlewares of an agent apart. `on_error`: if memory
    fails, "passthrough" logs it and sends the messages unchanged, "raise" raises.

    Raises InputError for invalid options. In mode "image", the first call raises
    ImageSupportError if the model takes no images, and ProviderError if no rule prices them,
    whatever `on_error` says. Errors of the model that writes the digest are passed on.
    """

    trace_policy = TracePolicy(process_inputs=omit_payload)

    def __init__(
        self,
        memory: OpticalMemory,
        *,
        mode: Mode = "recall",
        scope: ScopeGiven = None,
        user: UserGiven = "user_id",
        namespace: str = "",
        trigger: Trigger | None = None,
        keep: Size = ("tokens", 200),
        budget: int | None = None,
        max_tokens: int | None = None,
        k: int = 16,
        count: TokenCounter = count_tokens,
        cache: str | CacheRule | None = None,
        digest: Digest | Any | None = None,
        image_model: str | ModelRule | None = None,
        recall_tool: bool = False,
        name: str = "",
        on_error: OnError = "passthrough",
    ) -> None:
        super().__init__()
        _check_choice("mode", mode, get_args(Mode))
        _check_choice("on_error", on_error, get_args(OnError))
        limits = Limits.checked(trigger, keep, budget, max_tokens, k, pages=mode == "image")
        self.memory, self.mode, self.on_error = memory, mode, on_error
        self.scope, self.user, self.namespace = _checked_scope(scope), user, namespace
        self.count, self.image_model = count, image_model
        self.tools = [create_recall_tool(memory, self._scope)] if recall_tool else []
        self._name, self._warned = name, False
        self._cache, self._planner = cache, Planner(memory, limits, count, as_digest(digest))

    @property
    def name(self) -> str:
        """The name given, else the class's."""
        return self._name or type(self).__name__

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """The model call with memory in place of old messages."""
        response = handler(self._shortened(request))
        self._remember_answer(request, response)
        return response

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        """Async twin of `wrap_model_call`."""
        response = await handler(await asyncio.to_thread(self._shortened, request))
        await asyncio.to_thread(self._remember_answer, request, response)
        return response

    def _shortened(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        """The request as the model is to see it."""
        try:
            return self._planned(request)
        except (ImageSupportError, ProviderError):
            raise
        except OptimemError as error:
            self._failed("the conversation is sent without its memory", error)
            return request

    def _planned(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        place = self._place(request.runtime)
        if place is None or not request.messages:
            return request
        count = self._counters(request)
        conversation = read_conversation(request.messages, place.key, count)
        call = read_call(request, self._cache, self.count)
        plan = self._planner.plan(call, conversation, place)
        if plan.cut:
            plan = plan._replace(call=call._replace(image=self._image_rule(request)))
        parts = self._planner.parts(plan, place, self.mode)
        if parts is None:
            return request
        sent = request.override(messages=write_messages(conversation, parts))
        return mark_for_cache(sent, call.rule, call.fixed, count)

    def _counters(self, request: ModelRequest[Any]) -> Counters:
        return Counters(self.count, image_formula(request.model, self.image_model))

    def _image_rule(self, request: ModelRequest[Any]) -> ModelRule | None:
        """The price rule for pages; None for no pages."""
        if self.mode == "recall":
            return None
        try:
            return image_rule(request.model, self.image_model)
        except (ImageSupportError, ProviderError):
            if self.mode == "image":
                raise
            return None

    def _remember_answer(self, request: ModelRequest[Any], response: Any) -> None:
        """Store an exchange that ends here: a thread may end with it, and another recall it."""
        result: Sequence[AnyMessage] = getattr(response, "result", None) or []
        if not result or any(getattr(message, "tool_calls", None) for message in result):
            return
        try:
            place = self._place(request.runtime)
            if place and not place.passing:
                said = read_conversation([*request.messages, *result], place.key)
                self._planner.keeper.keep(place, said, len(said.messages))
        except OptimemError as error:
            self._failed("an answer is not remembered", error)

    def _failed(self, what: str, error: OptimemError) -> None:
        if self.on_error == "raise":
            raise error
        log.warning("%s: %s", what, error)

    def _place(self, runtime: Any) -> Place | None:
        place = find_place(runtime, self.scope, self.user, self.namespace)
        if place is None and not self._warned:
            self._warned = True
            log.warning(
                "%s: there is no thread id and no scope, so nothing is stored or recalled; invoke "
                "the agent with a checkpointer and a thread_id, or give OptimemMiddleware a scope",
                self.name,
            )
        return place

    def _scope(self, runtime: Any) -> Scope | None:
        place = self._place(runtime)
        return place.scope if place else None


def _check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise InputError(f"{name}={value!r} is unknown; give one of {', '.join(choices)}")


def _checked_scope(scope: ScopeGiven) -> ScopeGiven:
    """The scope as it was given. Raises ScopeError for one that cannot be used."""
    return Scope.parse(scope) if isinstance(scope, str) else scope
