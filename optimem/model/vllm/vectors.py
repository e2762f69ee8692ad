"""Vision tokens as a server takes them: checked, then as text of a tensor file.

What vLLM would answer with 200 and nonsense is refused here, before anything is sent. The same
tokens always become the same bytes: the server's prefix cache is keyed by the values.
"""

import base64
import io

import torch
from torch import Tensor

from optimem.errors import FormatError

FP16_MOST = 65504.0
"""The largest value of fp16."""


def check_vectors(tokens: Tensor, width: int | None = None) -> None:
    """Raise FormatError for what is not (N, `width`) finite floating-point vectors; `width`: None
    for any."""
    if tokens.ndim != 2 or not tokens.numel() or not tokens.is_floating_point():
        kind = str(tokens.dtype).removeprefix("torch.")
        raise FormatError(
            f"vision tokens of shape {tuple(tokens.shape)} and type {kind} cannot be sent; they "
            "must be (positions, width) floating-point vectors, so encode the image again"
        )
    if width is not None and tokens.shape[1] != width:
        raise FormatError(
            f"vision tokens of {tokens.shape[1]} dimensions are not those of the served model, "
            f"which have {width}; serve the checkpoint that wrote them, or encode the image again"
        )
    damaged = int((~torch.isfinite(tokens)).any(1).sum())
    if damaged:
        raise FormatError(
            f"{damaged} of {len(tokens)} vision tokens hold NaN or infinity, to which a server "
            "gives a wrong answer without a word; encode the image again"
        )


def sent_dtype(tokens: Tensor) -> torch.dtype:
    """fp16, or bf16 for values beyond its range."""
    largest = float(tokens.abs().max())
    return torch.float16 if largest < FP16_MOST else torch.bfloat16


def as_sent(tokens: Tensor) -> Tensor:
    """The values that the server gets, (N, C): a copy of its own, since a tensor's whole storage
    would be written otherwise."""
    return tokens.detach().to("cpu", sent_dtype(tokens)).clone().contiguous()


def encode_vectors(tokens: Tensor) -> str:
    """Checked vectors (N, C) in base64."""
    file = io.BytesIO()
    torch.save(as_sent(tokens), file)
    return base64.b64encode(file.getvalue()).decode("ascii")
