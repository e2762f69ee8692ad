"""A memory for the chains of langchain-classic."""

import warnings
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from langchain_classic.base_memory import BaseMemory
from langchain_core.messages import BaseMessage
from pydantic import Field

from optimem.adapters.messages import message_text
from optimem.api.memory import OpticalMemory
from optimem.errors import InputError
from optimem.memory.prompting import format_context
from optimem.turns import Turn

DEPRECATED = (
    "OptimemMemory is for old chains, whose BaseMemory langchain has deprecated since 0.3.3; in "
    "agents use OptimemMiddleware"
)
DEFAULT_OUTPUT = "output"
"""The key under which agent chains return their answer, among others."""


class OptimemMemory(BaseMemory):
    """`LLMChain(llm=llm, prompt=prompt, memory=OptimemMemory(memory=memory, scope="ann"))`.

    Fills the prompt's variable `memory_key` with up to `k` turns of the scope that match the
    input, in at most `budget` tokens. `input_key`, `output_key`: which input and output of the
    chain to remember; default the only one, of several outputs "output". Raises InputError if
    that does not name one, or it is not text.
    """

    memory: OpticalMemory
    scope: str
    memory_key: str = "history"
    input_key: str | None = None
    output_key: str | None = None
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
        """Recalled turns that match the input, as text."""
        question = self._input(inputs)
        hits = self.memory.recall(self.scope, question, self.k) if question.strip() else []
        return {self.memory_key: format_context(hits, self.budget)}

    def save_context(self, inputs: dict[str, Any], outputs: dict[str, str]) -> None:
        """Remember an input and its answer."""
        # Each turn gets an id of its own, as the same words may be said twice.
        asked = Turn(role="user", text=self._input(inputs), id=uuid4().hex)
        answered = Turn(role="assistant", text=self._output(outputs), id=uuid4().hex)
        self.memory.append(self.scope, [asked, answered])

    def clear(self) -> None:
        """Forget the scope."""
        self.memory.forget(self.scope)

    def _input(self, inputs: Mapping[str, Any]) -> str:
        candidates = [key for key in inputs if key not in (self.memory_key, "stop")]
        return _text(inputs, _choose_key("input", self.input_key, candidates))

    def _output(self, outputs: Mapping[str, Any]) -> str:
        candidates = [DEFAULT_OUTPUT] if DEFAULT_OUTPUT in outputs else list(outputs)
        return _text(outputs, _choose_key("output", self.output_key, candidates))


def _choose_key(kind: str, configured: str | None, candidates: list[str]) -> str:
    """The configured key, else the only candidate."""
    if configured is not None:
        return configured
    if len(candidates) != 1:
        raise InputError(f"unclear which {kind} of {candidates} to remember; set {kind}_key")
    return candidates[0]


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    if isinstance(value, BaseMessage):
        return message_text(value)
    if not isinstance(value, str):
        raise InputError(f"{key!r} holds a {type(value).__name__}, not text; name another key")
    return value
