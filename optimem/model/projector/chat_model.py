"""A chat model of transformers, frozen: its embeddings, its prompts with vectors among the words,
its logits and its greedy answers.

A prompt is what a vLLM server makes of a message with a part of vectors and a part of text: the
model's own chat template, the vectors, a newline, the text. Knows nothing of pages or projectors.
"""

from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor

from optimem.errors import FormatError, InputError
from optimem.model.hardware import best_device, best_dtype
from optimem.model.transformers_extra import import_transformers, quiet

_PLACE = "\ue000vectors\ue001"
"""Where vectors go in a rendered template."""


class Row(NamedTuple):
    """A prompt (L, W) and the ids of what follows it, (T,)."""

    prompt: Tensor
    target: Tensor


class ChatModel:
    """Make one with `open`. `model` and `tokenizer` are transformers'."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        model.get_output_embeddings().register_forward_pre_hook(_whole)

    @classmethod
    def open(
        cls,
        folder: str | Path,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> Self:
        """Load a folder with a chat model's weights, tokenizer and chat template. `device`,
        `dtype`: default the best that the machine has. Raises InputError for a folder that is not
        there, MissingExtraError without transformers, and FormatError for one that cannot be
        loaded or has no chat template."""
        folder = Path(folder).expanduser()
        if not folder.is_dir():
            raise InputError(f"there is no folder {folder}; give that of a chat model")
        transformers = import_transformers("a chat model in this process")
        device = device or best_device()
        given = {
            "dtype": dtype or best_dtype(device),
            "attn_implementation": "eager" if device.type == "cpu" else "sdpa",  # faster backwards
            "local_files_only": True,
            "output_loading_info": True,
        }
        try:
            with quiet(transformers.utils.logging):
                tokenizer = transformers.AutoTokenizer.from_pretrained(
                    folder, local_files_only=True
                )
                model, report = transformers.AutoModelForCausalLM.from_pretrained(folder, **given)
        except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
            raise FormatError(
                f"{folder} cannot be loaded as a chat model: {error}; download it again"
            ) from error
        if missing := sorted(report["missing_keys"]):
            raise FormatError(
                f"{folder} lacks {len(missing)} of the model's tensors, such as {missing[0]}; "
                "download it again"
            )
        if not tokenizer.chat_template or tokenizer.eos_token_id is None:
            raise FormatError(
                f"{folder} holds no chat template or no token that ends an answer; give the chat "
                "model's own folder"
            )
        return cls(model.to(device), tokenizer)

    @property
    def embeddings(self) -> Tensor:
        """The vectors of its tokens, (vocabulary, W)."""
        table: Tensor = self.model.get_input_embeddings().weight
        return table

    @property
    def width(self) -> int:
        """W."""
        return self.embeddings.shape[1]

    @property
    def positions(self) -> int:
        """That a prompt and its answer may take together."""
        return int(self.model.config.max_position_embeddings)

    @cached_property
    def size(self) -> float:
        """Root mean square of the embeddings' values."""
        return float(self.embeddings.float().pow(2).mean().sqrt())

    @cached_property
    def fingerprint(self) -> str:
        """Names the embeddings, in whatever dtype they are loaded."""
        table = self.embeddings.bfloat16().cpu().view(torch.int16).contiguous()
        digest = blake2b(str(tuple(table.shape)).encode(), digest_size=8)
        digest.update(table.numpy().tobytes())
        return f"llm-{digest.hexdigest()}"

    def ids(self, text: str) -> Tensor:
        """The tokens of a text, (N,), without any that begin or end a sequence."""
        found = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return torch.tensor(found, dtype=torch.long, device=self.embeddings.device)

    def embed(self, text: str) -> Tensor:
        """The vectors of a text's tokens, (N, W)."""
        return self.embeddings[self.ids(text)]

    def prompt(self, vectors: Tensor, question: str) -> Tensor:
        """A chat with one message, vectors (M, W) and a question under them, up to where the answer
        begins: (L, W)."""
        before, after = self._template()
        asked = self.embed("\n" + question + after)
        return torch.cat((self.embed(before), vectors.to(asked), asked))

    def target(self, answer: str, *, ends: bool) -> Tensor:
        """The ids of an answer, (T,); `ends`: with the one that ends it."""
        ids = self.ids(answer)
        return torch.cat((ids, ids.new_tensor([self.tokenizer.eos_token_id]))) if ends else ids

    def logits(self, rows: Sequence[Row]) -> list[Tensor]:
        """The logits of each row's target, (T, vocabulary), fp32. Rows are padded on the left, so
        that the model computes those of the last positions only."""
        longest = max(len(row.target) for row in rows)
        x, mask = _padded([
            torch.cat((prompt, self.embeddings[target].to(prompt))) for prompt, target in rows
        ])  # fmt: skip
        mask = mask.to(self.embeddings.device)
        found = self.model(
            inputs_embeds=x.to(self.embeddings.dtype),
            attention_mask=mask,
            position_ids=(mask.cumsum(1) - 1).clamp_min(0),
            logits_to_keep=longest + 1,
            use_cache=False,
        ).logits
        return [
            found[index, longest - len(row.target) : longest].float()
            for index, row in enumerate(rows)
        ]

    @torch.inference_mode()
    def generate(self, prompts: Sequence[Tensor], limit: int) -> list[list[int]]:
        """The ids of the greedy answer to each prompt (L, W), at most `limit`, its end left out."""
        x, mask = _padded(prompts)
        end = self.tokenizer.eos_token_id
        written = self.model.generate(
            inputs_embeds=x.to(self.embeddings),
            attention_mask=mask.to(self.embeddings.device),
            max_new_tokens=limit,
            do_sample=False,
            pad_token_id=end,
            eos_token_id=end,
        )
        answers: list[list[int]] = written.tolist()
        return [ids[: ids.index(end)] if end in ids else ids for ids in answers]

    def text(self, ids: Sequence[int]) -> str:
        """The text of tokens."""
        found: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return found

    def _template(self) -> tuple[str, str]:
        """What the chat template puts before a message and after it."""
        rendered = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": _PLACE}], add_generation_prompt=True, tokenize=False
        )
        before, _, after = rendered.partition(_PLACE)
        return before, after


def _padded(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Rows (L, W) with blanks on their left, (B, longest, W), and where they are, (B, longest)."""
    longest = max(map(len, rows))
    blanks = [longest - len(row) for row in rows]
    x = [F.pad(row, (0, 0, blank, 0)) for row, blank in zip(rows, blanks, strict=True)]
    mask = torch.arange(longest) >= torch.tensor(blanks)[:, None]
    return torch.stack(x), mask.long()


def _whole(_: Any, inputs: tuple[Tensor]) -> tuple[Tensor]:
    """States of the last positions in one piece: of a slice, each sequence would be multiplied by a
    copy of the vocabulary's matrix."""
    return (inputs[0].contiguous(),)
