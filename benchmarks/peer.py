"""transformers' implementation of DeepSeek-OCR's structure: the reference for ours.

transformers ships it as `UnlimitedOcrForConditionalGeneration`, made for another checkpoint; with
its sliding window opened wide it computes what DeepSeek-OCR does. The weights are random: two
implementations can be compared without the published ones. Prints nothing itself.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from optimem.errors import MissingExtraError
from optimem.model.deepseek_ocr.config import DeepSeekConfig
from optimem.model.deepseek_ocr.model import DeepSeekOCR

NORMS = ("norm.weight", "norm1.weight", "norm2.weight", "layernorm.weight")


def random_model(
    config: DeepSeekConfig, *, seed: int = 0, dtype: torch.dtype = torch.float32
) -> DeepSeekOCR:
    """Our model with random parameters, at scales where every part shows in the result."""
    torch.manual_seed(seed)
    with torch.device("meta"):
        empty = DeepSeekOCR(config).to(dtype)
    model: DeepSeekOCR = empty.to_empty(device="cpu").eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if name.endswith(NORMS):
            parameter.normal_(1, 0.1)
        elif parameter.ndim == 1:
            parameter.normal_(0, 0.5)
        else:
            parameter.normal_(0, 1.5 * parameter[0].numel() ** -0.5)
    return model


def transformers_model(
    folder: Path, config: DeepSeekConfig, image_id: int, dtype: torch.dtype = torch.float32
) -> Any:
    """transformers' model with the weights of a checkpoint folder. Raises MissingExtraError if
    transformers is not installed."""
    try:
        transformers: Any = import_module("transformers")
    except ImportError as error:
        raise MissingExtraError(
            "this needs transformers: pip install 'transformers>=5.20'"
        ) from error
    transformers.GenerationConfig().save_pretrained(folder)
    model, report = transformers.UnlimitedOcrForConditionalGeneration.from_pretrained(
        folder,
        config=transformers.UnlimitedOcrConfig(image_token_id=image_id, **_config(config)),
        dtype=dtype,
        output_loading_info=True,
    )
    if report["missing_keys"] or report["mismatched_keys"]:
        raise AssertionError(f"transformers expects other tensors: {report}")
    return model.eval()


def _config(config: DeepSeekConfig) -> dict[str, Any]:
    vision, decoder = config.vision, config.decoder
    sam = {
        "hidden_size": vision.width,
        "output_channels": vision.neck,
        "num_hidden_layers": vision.depth,
        "num_attention_heads": vision.heads,
        "image_size": vision.patch_grid * vision.patch,
        "window_size": vision.window,
        "global_attn_indexes": list(vision.global_blocks),
        "mlp_dim": vision.hidden,
        "downsample_channels": [vision.half_width, vision.global_width],
    }
    clip = {
        "hidden_size": vision.global_width,
        "intermediate_size": vision.global_hidden,
        "num_hidden_layers": vision.global_depth,
        "num_attention_heads": vision.global_heads,
        "image_size": vision.grid * 14,
    }
    text = {
        "vocab_size": config.vocabulary,
        "hidden_size": decoder.width,
        "intermediate_size": decoder.dense_hidden,
        "num_hidden_layers": decoder.depth,
        "first_k_dense_replace": decoder.dense_layers,
        "num_attention_heads": decoder.heads,
        "num_key_value_heads": decoder.heads,
        "n_routed_experts": decoder.experts,
        "n_shared_experts": 2,
        "num_experts_per_tok": decoder.top_k,
        "moe_intermediate_size": decoder.expert_hidden,
        "sliding_window": 1 << 20,
    }
    return {"vision_config": {"sam_config": sam, "encoder_config": clip}, "text_config": text}
