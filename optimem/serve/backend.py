"""What stands behind the doors: a memory, and whoever answers questions from it.

Knows nothing of requests.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, NamedTuple

from optimem.api.memory import OpticalMemory
from optimem.errors import InputError, ReaderUnavailableError
from optimem.memory.recall.prompting import Llm, aask_llm
from optimem.results import Answer
from optimem.turns import Scope

PATIENCE = 120.0
"""Seconds for an answer, so that a model that stalls does not hold all requests."""
log = logging.getLogger("optimem.serve")


class Backend(NamedTuple):
    """A memory and the model that answers from it; without one, answers are quotations.
    `patience`: seconds for an answer."""

    memory: OpticalMemory
    llm: Llm | None = None
    patience: float = PATIENCE

    async def answer(self, scope: Scope, question: str, **limits: Any) -> Answer:
        """The answer to a question. `limits`: as `OpticalMemory.answer` takes them. Raises
        ReaderUnavailableError if the model refuses, fails or takes too long."""
        llm = partial(_ask, self.llm) if self.llm else None
        try:
            async with asyncio.timeout(self.patience):
                return await self.memory.aanswer(scope, question, llm, **limits)
        except TimeoutError as error:
            raise ReaderUnavailableError(f"no answer within {self.patience:g} s") from error


async def _ask(llm: Llm, prompt: str) -> str:
    """A model's reply. Raises ReaderUnavailableError for a refusal, which is no fault of who
    asks."""
    try:
        return await aask_llm(llm, prompt)
    except InputError as error:  # its message may quote the prompt
        status = getattr(error.__cause__, "status_code", "none")
        log.error("the model that answers cannot be used: status %s", status)
        raise ReaderUnavailableError("the model that answers cannot be used") from error


async def perform(work: Callable[..., Any], *args: Any) -> Any:
    """What some work gives: awaited if it is asynchronous, else done in a thread, so that no
    request waits for another's pages."""
    if iscoroutinefunction(work):
        return await work(*args)
    return await asyncio.to_thread(work, *args)
