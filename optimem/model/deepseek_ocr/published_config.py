"""A checkpoint's `config.json`: which model it is. What would be computed differently is refused.

The sizes of the language model, its number of experts, `top_k`, rotary base and whether router
weights are normalised are free; all else must be as in the released model. Knows no tensors.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from optimem.errors import FormatError, InputError
from optimem.model import DEEPSEEK
from optimem.model.deepseek_ocr.config import DEEPSEEK_OCR, DecoderConfig, DeepSeekConfig

CONFIG = "config.json"
LANGUAGE = "language_config."
"""The language model's keys begin with this; the released file repeats them without it."""

SIZES = {
    "hidden_size": "width",
    "num_hidden_layers": "depth",
    "num_attention_heads": "heads",
    "first_k_dense_replace": "dense_layers",
    "intermediate_size": "dense_hidden",
    "n_routed_experts": "experts",
    "num_experts_per_tok": "top_k",
    "moe_intermediate_size": "expert_hidden",
}
"""The published keys of our fields."""

_SAM, _CLIP = "vision_config.width.sam_vit_b.", "vision_config.width.clip-l-14-224."
FIXED: dict[str, tuple[Any, ...]] = {
    "model_type": ("deepseek_vl_v2", "deepseek_v2", "DeepseekOCR", "deepseek_ocr"),
    "tile_tag": ("2D",),
    "global_view_pos": ("head",),
    "projector_config.projector_type": ("linear",),
    "projector_config.model_type": ("mlp_projector",),
    "projector_config.input_dim": (2048,),
    "projector_config.n_embed": (1280,),
    "vision_config.image_size": (1024,),
    "vision_config.mlp_ratio": (3.7362,),
    "vision_config.model_name": ("deeplip_b_l",),
    "vision_config.model_type": ("vision",),
    _CLIP + "heads": (16,),
    _CLIP + "image_size": (224,),
    _CLIP + "layers": (24,),
    _CLIP + "patch_size": (14,),
    _CLIP + "width": (1024,),
    _SAM + "downsample_channels": ([512, 1024],),
    _SAM + "global_attn_indexes": ([2, 5, 8, 11],),
    _SAM + "heads": (12,),
    _SAM + "layers": (12,),
    _SAM + "width": (768,),
    "bos_token_id": (0,),
    "eos_token_id": (1,),
    "max_position_embeddings": (8192,),
    "n_group": (1, None),
    "topk_group": (1, None),
    "topk_method": ("greedy",),
    "scoring_func": ("softmax",),
    "routed_scaling_factor": (1.0,),
    "moe_layer_freq": (1,),
    "hidden_act": ("silu",),
    "rms_norm_eps": (1e-6,),
    "rope_scaling": (None,),
    "rope_parameters.rope_type": ("default",),
    "use_mla": (False,),
    "lm_head": (True,),
}
"""What other keys must say, where they are there."""
IGNORED = frozenset(
    (
        *("_name_or_path", "architectures", "transformers_version", "torch_dtype", "dtype"),
        *("candidate_resolutions", "pad_token_id", "use_cache", "return_dict"),
        *("initializer_range", "pretraining_tp", "ep_size", "aux_loss_alpha", "seq_aux"),
        *("attention_dropout", "chunk_size_feed_forward", "kv_lora_rank", "q_lora_rank"),
        *("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"),
    )
)
"""Keys that change nothing that we compute; those of `IGNORED_GROUPS` neither."""
IGNORED_GROUPS = ("auto_map.", "id2label.", "label2id.")


UNGROUPED = {
    "use_mla": False,
    **dict.fromkeys(("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"), 0),
    "topk_method": "greedy",
    "n_group": 1,
    "topk_group": 1,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "max_position_embeddings": 8192,
}
"""What others assume otherwise of a language model of this type."""


def read_config(folder: Path) -> DeepSeekConfig:
    """The model that a checkpoint's `config.json` describes. Raises InputError if there is none,
    and FormatError, naming key and value, if it is damaged or another model's."""
    path = folder / CONFIG
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{folder} holds no {CONFIG}; give the folder of a complete {DEEPSEEK}"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(f"{path} is not JSON ({error}); download it again") from error
    if not isinstance(found, dict):
        raise FormatError(f"{path} is not a JSON object; download it again")
    return _config(path, _flat(path, found))


def config_json(config: DeepSeekConfig) -> str:
    """The `config.json` of one of our models, with which vLLM serves it; of its encoder, only the
    released sizes."""
    decoder = config.decoder
    language = {key: getattr(decoder, field) for key, field in SIZES.items()} | {
        "num_key_value_heads": decoder.heads,
        "n_shared_experts": decoder.shared_hidden // decoder.expert_hidden,
        "vocab_size": config.vocabulary,
        "rope_theta": decoder.rope_theta,
        "norm_topk_prob": decoder.norm_topk,
        **UNGROUPED,
    }
    whole = {
        "architectures": ["DeepseekOCRForCausalLM"],
        "model_type": "deepseek_vl_v2",
        "tile_tag": "2D",
        "projector_config": {
            "projector_type": "linear", "input_dim": 2048, "n_embed": 1280
        },
        LANGUAGE[:-1]: language,
    }  # fmt: skip
    return json.dumps(whole, indent=2)


def _flat(path: Path, found: dict[str, Any]) -> dict[str, Any]:
    """All values by their dotted keys, the language model's without their prefix."""
    flat: dict[str, Any] = {}
    for full, value in _leaves(found):
        key = full.removeprefix(LANGUAGE)
        if flat.setdefault(key, value) != value and key != "model_type" and key not in IGNORED:
            raise FormatError(f"{path} says both {flat[key]!r} and {value!r} for {key}")
        if not key.startswith(IGNORED_GROUPS):
            _check(path, full, key, value)
    return flat


def _leaves(found: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in found.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


_FREE = {*SIZES, "vocab_size", "n_shared_experts", "num_key_value_heads", "head_dim",
         "rope_theta", "rope_parameters.rope_theta", "norm_topk_prob"}  # fmt: skip


def _check(path: Path, full: str, key: str, value: Any) -> None:
    """Raise FormatError for a value that would need another computation than ours."""
    allowed = FIXED.get(key)
    harmless = value is None or value is False or value in ("", [])
    if key in IGNORED or key in _FREE or (value in allowed if allowed else harmless):
        return
    known = f"only {allowed[0]!r} is known" if allowed else "this key is not known"
    raise FormatError(
        f"{path}: {full} is {value!r}, and {known} here; give a checkpoint of {DEEPSEEK}"
    )


def _config(path: Path, flat: dict[str, Any]) -> DeepSeekConfig:
    released = DEEPSEEK_OCR.decoder
    sizes = {
        field: _whole(path, flat, key, getattr(released, field)) for key, field in SIZES.items()
    }
    theta = flat.get("rope_theta", flat.get("rope_parameters.rope_theta", released.rope_theta))
    normed = flat.get("norm_topk_prob", False)
    if isinstance(theta, bool) or not isinstance(theta, int | float) or not 1 < theta < 1e12:
        raise FormatError(f"{path}: rope_theta is {theta!r}, not a number above 1")
    if not isinstance(normed, bool):
        raise FormatError(f"{path}: norm_topk_prob is {normed!r}, not true or false")
    shared = _whole(path, flat, "n_shared_experts", 2) * sizes["expert_hidden"]
    decoder = DecoderConfig(
        **sizes, shared_hidden=shared, rope_theta=float(theta), norm_topk=normed
    )
    _check_heads(path, flat, decoder)
    vocabulary = _whole(path, flat, "vocab_size", DEEPSEEK_OCR.vocabulary)
    return replace(DEEPSEEK_OCR, decoder=decoder, vocabulary=vocabulary)


def _whole(path: Path, flat: dict[str, Any], key: str, default: int) -> int:
    value = flat.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 24:
        raise FormatError(f"{path}: {key} is {value!r}, not a size")
    return value


def _check_heads(path: Path, flat: dict[str, Any], decoder: DecoderConfig) -> None:
    """Raise FormatError for grouped heads, heads that do not fill the width, and more experts
    used than there are."""
    wanted = {
        "num_key_value_heads": decoder.heads,
        "head_dim": decoder.width // decoder.heads,
        "hidden_size": decoder.width // decoder.heads // 2 * 2 * decoder.heads,
        "num_experts_per_tok": min(decoder.top_k, decoder.experts),
    }
    for key, value in wanted.items():
        if flat.get(key) not in (None, value):
            raise FormatError(
                f"{path}: {key} is {flat[key]!r}, and only {value} is known beside "
                f"{decoder.heads} heads and {decoder.experts} experts"
            )
