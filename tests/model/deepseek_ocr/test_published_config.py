"""What a `config.json` may say, and what is refused by key and value."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from optimem.errors import FormatError, InputError
from optimem.model.deepseek_ocr.config import DEEPSEEK_OCR
from optimem.model.deepseek_ocr.published_config import config_json, read_config

LANGUAGE: dict[str, Any] = {
    "architectures": ["DeepseekV2ForCausalLM"], "auto_map": {"AutoConfig": "a.B"},
    "bos_token_id": 0, "eos_token_id": 1, "first_k_dense_replace": 1, "hidden_size": 1280,
    "intermediate_size": 6848, "kv_lora_rank": None, "lm_head": True,
    "max_position_embeddings": 8192, "moe_intermediate_size": 896, "n_group": 1,
    "n_routed_experts": 64, "n_shared_experts": 2, "num_attention_heads": 10,
    "num_experts_per_tok": 6, "num_hidden_layers": 12, "num_key_value_heads": 10,
    "q_lora_rank": None, "qk_nope_head_dim": 0, "qk_rope_head_dim": 0, "rm_head": False,
    "topk_group": 1, "topk_method": "greedy", "torch_dtype": "bfloat16", "use_mla": False,
    "v_head_dim": 0, "vocab_size": 129280,
}  # fmt: skip
RELEASED: dict[str, Any] = {
    "_name_or_path": "deepseek-ai/DeepSeek-OCR", "candidate_resolutions": [[1024, 1024]],
    "global_view_pos": "head", "architectures": ["DeepseekOCRForCausalLM"],
    "language_config": LANGUAGE, "model_type": "deepseek_vl_v2",
    "projector_config": {"input_dim": 2048, "model_type": "mlp_projector", "n_embed": 1280,
                         "projector_type": "linear"},
    "tile_tag": "2D", "torch_dtype": "bfloat16", "transformers_version": "4.46.3",
    "vision_config": {
        "image_size": 1024, "mlp_ratio": 3.7362, "model_name": "deeplip_b_l",
        "model_type": "vision",
        "width": {"clip-l-14-224": {"heads": 16, "image_size": 224, "layers": 24,
                                    "patch_size": 14, "width": 1024},
                  "sam_vit_b": {"downsample_channels": [512, 1024],
                                "global_attn_indexes": [2, 5, 8, 11], "heads": 12, "layers": 12,
                                "width": 768}}},
}  # fmt: skip


def folder_of(path: Path, top: dict[str, Any], language: dict[str, Any]) -> Path:
    whole = RELEASED | top | {"language_config": LANGUAGE | language}
    (path / "config.json").write_text(json.dumps(whole))
    return path


def test_the_released_file_is_the_released_model(tmp_path: Path) -> None:
    assert read_config(folder_of(tmp_path, LANGUAGE, {})) == DEEPSEEK_OCR
    (tmp_path / "config.json").write_text(config_json(DEEPSEEK_OCR))
    assert read_config(tmp_path) == DEEPSEEK_OCR


def test_what_may_differ_is_chosen(tmp_path: Path) -> None:
    language = {"num_experts_per_tok": 8, "rope_theta": 50_000, "norm_topk_prob": True,
                "num_hidden_layers": 2, "n_routed_experts": 32, "vocab_size": 1000}  # fmt: skip
    decoder = replace(
        DEEPSEEK_OCR.decoder, top_k=8, rope_theta=50_000.0, norm_topk=True, depth=2, experts=32
    )
    expected = replace(DEEPSEEK_OCR, decoder=decoder, vocabulary=1000)
    assert read_config(folder_of(tmp_path, {}, language)) == expected
    (tmp_path / "config.json").write_text(config_json(expected))
    assert read_config(tmp_path) == expected


@pytest.mark.parametrize(
    ("top", "language", "message"),
    [
        ({}, {"sliding_window": 128}, "language_config.sliding_window is 128"),
        ({}, {"max_position_embeddings": 32768}, "max_position_embeddings is 32768"),
        ({}, {"scoring_func": "sigmoid"}, "scoring_func is 'sigmoid', and only 'softmax' is"),
        ({}, {"routed_scaling_factor": 2.5}, "routed_scaling_factor is 2.5"),
        ({}, {"rope_scaling": {"factor": 40}}, "rope_scaling.factor is 40"),
        ({}, {"use_mla": True}, "use_mla is True"),
        ({}, {"rms_norm_eps": 1e-5}, "rms_norm_eps is 1e-05"),
        ({}, {"num_key_value_heads": 2}, "num_key_value_heads is 2, and only 10"),
        ({}, {"num_experts_per_tok": 65}, "num_experts_per_tok is 65, and only 64"),
        ({}, {"hidden_size": "1280"}, "hidden_size is '1280', not a size"),
        ({}, {"num_hidden_layers": 0}, "num_hidden_layers is 0, not a size"),
        ({}, {"rope_theta": -1}, "rope_theta is -1"),
        ({}, {"norm_topk_prob": 1}, "norm_topk_prob is 1"),
        ({}, {"eos_token_id": 2}, "eos_token_id is 2"),
        ({"model_type": "unlimited_ocr"}, {}, "model_type is 'unlimited_ocr'"),
        ({"quantization_config": {"bits": 4}}, {}, "quantization_config.bits is 4"),
        ({"vision_config": {"width": {"qwen2-0-5b": {"dim": 896}}}}, {}, "qwen2-0-5b.dim is 896"),
        ({"hidden_size": 640}, {}, "says both 1280 and 640 for hidden_size"),
    ],
)  # fmt: skip
def test_other_models_are_refused_by_key_and_value(
    tmp_path: Path, top: dict[str, Any], language: dict[str, Any], message: str
) -> None:
    with pytest.raises(FormatError, match=message.replace(".", r"\.")):
        read_config(folder_of(tmp_path, top, language))


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, "\0"])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    with pytest.raises(InputError, match=r"holds no config\.json"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(FormatError, match=r"config\.json is not .*; download it again"):
        read_config(tmp_path)
