"""A step of an LCEL chain that makes prompts cheaper: messages in, messages with pages out."""

import logging
from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AnyMessage
from langchain_core.messages.utils import convert_to_messages
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import run_in_executor

from optimem.api.prompts import compress_prompt
from optimem.errors import NoGainError
from optimem.prompts import ModelRule

log = logging.getLogger("optimem")


class OptimemPromptCompressor(Runnable[LanguageModelInput, list[AnyMessage]]):
    """`prompt | OptimemPromptCompressor("gpt-4o") | model`.

    Old messages become pages where that costs less by the provider's rule; where nothing is
    gained, the messages go on as they are. A prompt that is one text becomes pages and
    `question`. `model`, `budget`, `keep`, `question`, `exact`, `leave_out`: see
    `optimem.compress_prompt`, whose errors it raises but for NoGainError.
    """

    def __init__(
        self,
        model: str | ModelRule,
        *,
        budget: int | None = None,
        keep: int = 1,
        question: str = "",
        exact: bool = True,
        leave_out: bool = False,
    ) -> None:
        self.model = model
        self.options: dict[str, Any] = {
            "budget": budget, "keep": keep, "question": question, "exact": exact,
            "leave_out": leave_out,
        }  # fmt: skip

    def invoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> list[AnyMessage]:
        """The messages to send."""
        return self._call_with_config(self._compressed, input, config)

    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> list[AnyMessage]:
        """Async twin of `invoke`."""
        return await run_in_executor(config, self.invoke, input, config)

    def _compressed(self, given: LanguageModelInput) -> list[AnyMessage]:
        messages: Sequence[Any] | str = (
            given.to_messages() if isinstance(given, PromptValue) else given
        )
        if not isinstance(messages, str):
            messages = convert_to_messages(messages)
        try:
            made = compress_prompt(messages, model=self.model, form="langchain", **self.options)
        except NoGainError as error:
            log.info("the prompt is sent as it is: %s", error)
            return _as_messages(messages, self.options["question"])
        return _as_messages(made.messages)


def _as_messages(messages: Sequence[Any] | str, question: str = "") -> list[AnyMessage]:
    if isinstance(messages, str):
        messages = [("human", f"{messages}\n\n{question}".strip())]
    return convert_to_messages(messages)  # type: ignore[return-value]  # the same, less precise
