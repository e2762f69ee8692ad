"""A memory for LangChain's old chains, for those who still have some."""

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
from optimem.memory.prompting import told
from optimem.turns import Role, Turn

NOTE = (
    "OptimemMemory is for old chains, whose BaseMemory langchain has deprecated since 0.3.3; in "
    "agents use OptimemMiddleware"
)
OUTPUT = "output"
"""Where agents' chains put their answer, beside other things."""


class OptimemMemory(BaseMemory):
    """`LLMChain(llm=llm, prompt=prompt, memory=OptimemMemory(memory=memory, scope="ann"))`.

    The prompt's variable `memory_key` becomes the turns of a scope that bear on the input, up to
    `k`, within `budget` tokens. `input_key`, `output_key`: which of a chain's inputs and outputs
    are remembered; default the only one, of several outputs "output". Raises InputError if they
    cannot be told, or hold no text.
    """

    memory: OpticalMemory
    scope: str
    memory_key: str = "history"
    input_key: str | None = None
    output_key: str | None = None
    k: int = Field(default=12, ge=1)
    budget: int = Field(default=2000, ge=1)

    def __init__(self, **fields: Any) -> None:
        warnings.warn(NOTE, DeprecationWarning, stacklevel=2)
        super().__init__(**fields)

    @property
    def memory_variables(self) -> list[str]:
        """What this adds to a chain's inputs."""
        return [self.memory_key]

    def load_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """What is remembered and bears on the input."""
        question = self._input(inputs)
        hits = self.memory.recall(self.scope, question, self.k) if question.strip() else []
        return {self.memory_key: told(hits, self.budget)}

    def save_context(self, inputs: dict[str, Any], outputs: dict[str, str]) -> None:
        """Remember an input and its answer."""
        said: list[tuple[Role, str]] = [
            ("user", self._input(inputs)),
            ("assistant", self._output(outputs)),
        ]
        # The same words may be said again, so each turn has an id of its own.
        turns = [Turn(role=role, text=text, id=uuid4().hex) for role, text in said]
        self.memory.append(self.scope, turns)

    def clear(self) -> None:
        """Forget the scope."""
        self.memory.forget(self.scope)

    def _input(self, inputs: Mapping[str, Any]) -> str:
        others = [key for key in inputs if key not in (self.memory_key, "stop")]
        return _text(inputs, _key("input", self.input_key, others))

    def _output(self, outputs: Mapping[str, Any]) -> str:
        several = len(outputs) > 1 and OUTPUT in outputs
        return _text(outputs, _key("output", self.output_key, [OUTPUT] if several else [*outputs]))


def _key(what: str, named: str | None, found: list[str]) -> str:
    """The named key, or else the only one found."""
    if named is not None:
        return named
    if len(found) != 1:
        raise InputError(f"cannot tell which {what} of {found} to remember; set {what}_key")
    return found[0]


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    if isinstance(value, BaseMessage):
        return message_text(value)
    if not isinstance(value, str):
        raise InputError(f"{key!r} holds a {type(value).__name__}, which is no text; name another")
    return value
