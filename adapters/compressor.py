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

    Old messages become pages if those cost less by the provider's rule; otherwise the messages
    pass unchanged. A plain text becomes pages followed by `question`. For `model`, `budget`,
    `keep`, `question`, `exact`, `leave_out` and the errors raised, see `optimem.compress_prompt`;
    only NoGainError is never raised.
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
        self.model, self.question = model, question
        self.options: dict[str, Any] = {
            "budget": budget,
            "keep": keep,
            "exact": exact,
            "leave_out": leave_out,
        }

    def invoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> list[AnyMessage]:
        """The messages to send."""
        return self._call_with_config(self._compress, input, config)

    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> list[AnyMessage]:
        """Async twin of `invoke`."""
        return await run_in_executor(config, self.invoke, input, config)

    def _compress(self, given: LanguageModelInput) -> list[AnyMessage]:
        prompt = _text_or_messages(given)
        try:
            compressed = compress_prompt(
                prompt,
                model=self.model,
                question=self.question,
                form="langchain",
                **self.options,
            )
        except NoGainError as error:
            log.info("the prompt is sent unchanged: %s", error)
            if isinstance(prompt, str):
                prompt = [("human", f"{prompt}\n\n{self.question}".strip())]
            return _as_messages(prompt)
        return _as_messages(compressed.messages)


def _text_or_messages(given: LanguageModelInput) -> str | Sequence[Any]:
    if isinstance(given, str):
        return given
    return _as_messages(given.to_messages() if isinstance(given, PromptValue) else given)


def _as_messages(messages: Sequence[Any]) -> list[AnyMessage]:
    return convert_to_messages(messages)  # type: ignore[return-value]  # the same, less precise
