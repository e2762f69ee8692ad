"""A memory for the chains of langchain-classic: the newest messages, and what matches the input
of all that came before them.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from langchain_classic.base_memory import BaseMemory
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    get_buffer_string,
)
from pydantic import Field

from optimem.adapters.messages import from_exact_turn, message_text, message_tokens, to_exact_turn
from optimem.api.memory import OpticalMemory
from optimem.errors import InputError
from optimem.memory.recall.prompting import QUOTED, count_tokens, format_context
from optimem.turns import Turn

DEPRECATED = (
    "OptimemMemory is for old chains, whose BaseMemory langchain has deprecated since 0.3.3; in "
    "agents use OptimemMiddleware"
)
DEFAULT_OUTPUT = "output"
"""The key under which agent chains return their answer, among others."""
RECALLED = f"Earlier in this conversation, as far as it matters now. {QUOTED}\n"
"""Before what is recalled, in a message of its own."""


class OptimemMemory(BaseMemory):
    """`LLMChain(llm=llm, prompt=prompt, memory=OptimemMemory(memory=memory, scope="ann"))`.

    Fills the prompt's variable `memory_key` with the last `recent` exchanges, and before them with
    up to `k` older turns of the scope that match the input, in at most `budget` tokens together;
    the last exchange is always there. As text, with `human_prefix` and `ai_prefix`; or with
    `return_messages` as messages, for a MessagesPlaceholder: what is recalled in a system message,
    the exchanges as they were. `input_key`, `output_key`: which input and output of the chain to
    remember; default the only one, of several outputs "output". Raises InputError if that does not
    name one, or it is not text.
    """

    memory: OpticalMemory
    scope: str
    memory_key: str = "history"
    input_key: str | None = None
    output_key: str | None = None
    return_messages: bool = False
    human_prefix: str = "Human"
    ai_prefix: str = "AI"
    recent: int = Field(default=5, ge=0)
    k: int = Field(default=12, ge=1)
    budget: int = Field(default=2000, ge=1)

    def __init__(self, **fields: Any) -> None:
        warnings.warn(DEPRECATED, DeprecationWarning, stacklevel=2)
        super().__init__(**fields)

    @property
    def memory_variables(self) -> list[str]:
        """The variable that is added to a chain's inputs."""
        return [self.memory_key]

    def load_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Recalled turns that match the input, then the last exchanges."""
        recent, left = self._recent()
        recalled = self._recalled(self._input(inputs), recent, left)
        if self.return_messages:
            before = [SystemMessage(RECALLED + recalled)] if recalled else []
            return {self.memory_key: [*before, *recent]}
        said = get_buffer_string(recent, self.human_prefix, self.ai_prefix)
        return {self.memory_key: "\n".join(filter(None, [recalled, said]))}

    def save_context(self, inputs: dict[str, Any], outputs: dict[str, str]) -> None:
        """Remember an input and its answer."""
        asked = _value(inputs, self._input_key(inputs))
        answered = _value(outputs, self._output_key(outputs))
        turns = [_turn(HumanMessage, asked), _turn(AIMessage, answered)]
        self.memory.append(self.scope, turns)

    def clear(self) -> None:
        """Forget the scope."""
        self.memory.forget(self.scope)

    def _recent(self) -> tuple[list[BaseMessage], int]:
        """The newest exchanges that the budget allows, and what is left of it."""
        ids = self.memory.ids(self.scope)[-2 * self.recent :] if self.recent else []
        messages = [from_exact_turn(turn) for turn in self.memory.read(self.scope, ids)]
        kept: list[BaseMessage] = []
        left = self.budget
        for start in range(len(messages) - 2, -1, -2):
            exchange = messages[start : start + 2]
            size = sum(map(message_tokens, exchange))
            if kept and size > left:
                break
            left -= size
            kept = [*exchange, *kept]
        return kept, left

    def _recalled(self, question: str, recent: Sequence[BaseMessage], budget: int) -> str:
        """What matches a question, without what is there already."""
        budget -= count_tokens(RECALLED) if self.return_messages else 0
        if not question.strip() or budget < 1:
            return ""
        shown = {message.id for message in recent}
        hits = self.memory.recall(self.scope, question, self.k + len(shown))
        return format_context([hit for hit in hits if hit.id not in shown][: self.k], budget)

    def _input(self, inputs: Mapping[str, Any]) -> str:
        value = _value(inputs, self._input_key(inputs))
        return value if isinstance(value, str) else message_text(value)

    def _input_key(self, inputs: Mapping[str, Any]) -> str:
        candidates = [key for key in inputs if key not in (self.memory_key, "stop")]
        return _choose_key("input", self.input_key, candidates)

    def _output_key(self, outputs: Mapping[str, Any]) -> str:
        candidates = [DEFAULT_OUTPUT] if DEFAULT_OUTPUT in outputs else list(outputs)
        return _choose_key("output", self.output_key, candidates)


def _choose_key(kind: str, configured: str | None, candidates: list[str]) -> str:
    """The configured key, else the only candidate."""
    if configured is not None:
        return configured
    if len(candidates) != 1:
        raise InputError(f"unclear which {kind} of {candidates} to remember; set {kind}_key")
    return candidates[0]


def _value(values: Mapping[str, Any], key: str) -> str | BaseMessage:
    value = values.get(key)
    if not isinstance(value, str | BaseMessage):
        raise InputError(f"{key!r} holds a {type(value).__name__}, not text; name another key")
    return value


def _turn(kind: type[BaseMessage], value: str | BaseMessage) -> Turn:
    """Each turn gets an id of its own, as the same words may be said twice."""
    message = kind(content=value) if isinstance(value, str) else value
    return to_exact_turn(message, uuid4().hex)
