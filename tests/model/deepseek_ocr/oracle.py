"""A small random DeepSeek-OCR, as ours and as transformers' model of the same structure.

transformers ships the architecture as `UnlimitedOcrForConditionalGeneration` (made for
another checkpoint); with its sliding window opened wide it computes what DeepSeek-OCR does.
"""

from pathlib import Path
from typing import Any

import torch

from optimem.model.config import DecoderConfig, DeepSeekConfig, DeepSeekVisionConfig
from optimem.model.deepseek_ocr.model import DeepSeekOCR

IMAGE_ID = 299
SMALL = DeepSeekConfig(
    vision=DeepSeekVisionConfig(
        patch_grid=32,
        window=7,
        global_blocks=(1,),
        width=32,
        depth=2,
        heads=4,
        hidden=48,
        neck=24,
        half_width=40,
        grid=8,
        global_width=48,
        global_depth=2,
        global_heads=4,
        global_hidden=64,
        token_dim=64,
    ),
    decoder=DecoderConfig(
        width=64,
        depth=3,
        heads=4,
        causal=True,
        dense_layers=1,
        dense_hidden=96,
        experts=8,
        active=3,
        expert_hidden=32,
        shared_hidden=64,
    ),
    vocabulary=300,
)


def random_model(seed: int = 0) -> DeepSeekOCR:
    """Ours, with every parameter drawn so that no part is silent."""
    torch.manual_seed(seed)
    model = DeepSeekOCR(SMALL).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if name.endswith(("norm.weight", "norm1.weight", "norm2.weight", "layernorm.weight")):
            parameter.normal_(1, 0.1)
        else:
            fan_in = parameter[0].numel() if parameter.ndim > 1 else 1
            parameter.normal_(0, 0.5 if parameter.ndim == 1 else 1.5 * fan_in**-0.5)
    return model


def theirs(folder: Path) -> Any:
    """transformers' model with the weights of a checkpoint folder, fp32."""
    from transformers import (
        GenerationConfig,
        UnlimitedOcrConfig,
        UnlimitedOcrForConditionalGeneration,
    )

    vision, decoder = SMALL.vision, SMALL.decoder
    config = UnlimitedOcrConfig(
        image_token_id=IMAGE_ID,
        vision_config={
            "sam_config": {
                "hidden_size": vision.width,
                "output_channels": vision.neck,
                "num_hidden_layers": vision.depth,
                "num_attention_heads": vision.heads,
                "image_size": vision.patch_grid * vision.patch,
                "window_size": vision.window,
                "global_attn_indexes": list(vision.global_blocks),
                "mlp_dim": vision.hidden,
                "downsample_channels": [vision.half_width, vision.global_width],
            },
            "encoder_config": {
                "hidden_size": vision.global_width,
                "intermediate_size": vision.global_hidden,
                "num_hidden_layers": vision.global_depth,
                "num_attention_heads": vision.global_heads,
                "image_size": vision.grid * 14,
            },
        },
        text_config={
            "vocab_size": SMALL.vocabulary,
            "hidden_size": decoder.width,
            "intermediate_size": decoder.dense_hidden,
            "num_hidden_layers": decoder.depth,
            "num_attention_heads": decoder.heads,
            "num_key_value_heads": decoder.heads,
            "n_routed_experts": decoder.experts,
            "n_shared_experts": 2,
            "num_experts_per_tok": decoder.active,
            "moe_intermediate_size": decoder.expert_hidden,
            "sliding_window": 1 << 20,
        },
    )
    GenerationConfig().save_pretrained(folder)
    model, report = UnlimitedOcrForConditionalGeneration.from_pretrained(
        folder, config=config, dtype=torch.float32, output_loading_info=True
    )
    assert not report["missing_keys"], report["missing_keys"]
    assert not report["mismatched_keys"], report["mismatched_keys"]
    return model.eval()
