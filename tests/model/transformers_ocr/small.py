"""Small random checkpoints of DeepSeek-OCR 2 and Unlimited-OCR, as transformers saves them."""

from pathlib import Path
from typing import Any

import torch
import transformers

from tests.model.deepseek_ocr.small import write_tokenizer

IMAGE_ID = 299
SAM = {
    "hidden_size": 32, "output_channels": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
    "window_size": 7, "global_attn_indexes": [1], "mlp_dim": 48, "downsample_channels": [40, 48],
}  # fmt: skip
TEXT = {
    "vocab_size": 300, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 4, "n_routed_experts": 8,
    "n_shared_experts": 2, "num_experts_per_tok": 3, "moe_intermediate_size": 32,
    "mlp_layer_types": ["dense", "sparse", "sparse"], "bos_token_id": 0, "eos_token_id": 1,
    "max_position_embeddings": 8192,
}  # fmt: skip
QWEN = {"hidden_size": 48, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 4}  # fmt: skip
CLIP = {"hidden_size": 48, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "image_size": 224}  # fmt: skip


def small_configuration(kind: str, **other: Any) -> Any:
    """`kind`: a `model_type` of transformers. `other`: of its language model."""
    made = {
        "deepseek_ocr2": (transformers.DeepseekOcr2Config, QWEN, {}),
        "unlimited_ocr": (transformers.UnlimitedOcrConfig, CLIP, {"sliding_window": 8}),
    }
    config, encoder, text = made[kind]
    return config(
        vision_config={"sam_config": SAM, "encoder_config": encoder},
        text_config=TEXT | text | other,
        image_token_id=IMAGE_ID,
    )


def save_checkpoint(kind: str, folder: Path) -> None:
    """Write a random model and a tokenizer."""
    config = small_configuration(kind)
    randomised(transformers.AutoModelForImageTextToText.from_config(config)).save_pretrained(folder)
    write_tokenizer(folder)


def randomised(model: Any) -> Any:
    """A model with weights at random."""
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        with torch.no_grad():
            if parameter.ndim == 1:
                parameter.normal_(1 if "norm" in name else 0, 0.1 if "norm" in name else 0.5)
            else:
                parameter.normal_(0, 1.5 * parameter[0].numel() ** -0.5)
    return model
