"""What a server must know of a checkpoint, and the folder that it serves a newer one from.

vLLM reads a `config.json` as DeepSeek and Baidu publish it. DeepSeek-OCR 2 and Unlimited-OCR as
transformers saves them have another, so such a checkpoint gets a second folder: a `config.json` in
the published form, and links to the checkpoint's own files. Starts no server.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from optimem.errors import FormatError, InputError
from optimem.model.deepseek_ocr.checkpoint import checkpoint_folder, stored_fingerprint
from optimem.model.deepseek_ocr.generation import MAX_POSITIONS
from optimem.model.deepseek_ocr.published_config import CONFIG, LANGUAGE, UNGROUPED, read_config
from optimem.model.transformers_ocr.kinds import (
    Kind,
    json_config,
    kind_fingerprint,
    served_kind,
)

TEXT = "text_config"
"""The language model's keys in the form of transformers."""
WIDTH, POSITIONS = "hidden_size", "max_position_embeddings"
SIZES = (
    WIDTH, POSITIONS, "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
    "intermediate_size", "n_routed_experts", "n_shared_experts", "num_experts_per_tok",
    "moe_intermediate_size", "vocab_size",
)  # fmt: skip
"""Keys that both forms have."""
USUAL: dict[str, tuple[Any, ...]] = {
    "attention_bias": (False, None), "mlp_bias": (False, None), "hidden_act": ("silu", None),
    "rms_norm_eps": (1e-6, None), "routed_scaling_factor": (1.0, None),
    "topk_method": ("greedy", None), "n_group": (1, None), "topk_group": (1, None),
    "tie_word_embeddings": (False, None), "bos_token_id": (0,), "eos_token_id": (1,),
}  # fmt: skip
"""What other keys must say: vLLM would compute something else."""
LINKED = ("*.safetensors", "*.safetensors.index.json", "tokenizer*", "special_tokens_map.json")
"""What a second folder links to."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that is to be served. `kind`: None for DeepSeek-OCR. `width`: of its vectors.
    `positions`: that it takes. `published`: whether its `config.json` is as vLLM reads it."""

    folder: Path
    kind: Kind | None
    fingerprint: str
    width: int
    positions: int
    published: bool = True

    @classmethod
    def at(cls, model: str | Path) -> Self:
        """The checkpoint in a folder or of a hub name. Raises InputError and FormatError, as
        `checkpoint_folder`, `read_config` and `stored_fingerprint`."""
        folder = checkpoint_folder(model)
        kind = served_kind(folder)
        if kind is None:
            width = read_config(folder).decoder.width
            return cls(folder, None, stored_fingerprint(folder), width, MAX_POSITIONS)
        found = json_config(folder)
        published = TEXT not in found
        language = found.get(LANGUAGE[:-1] if published else TEXT)
        width, positions = (_size(folder, language, key) for key in (WIDTH, POSITIONS))
        return cls(folder, kind, kind_fingerprint(folder, kind), width, positions, published)

    def write_folder(self, out: Path) -> None:
        """Make the folder that vLLM serves. Raises InputError for a place that cannot be written,
        and FormatError for a model that vLLM would compute otherwise."""
        config = json.dumps(_published(self.folder, self.kind), indent=2)
        try:
            out.mkdir(parents=True, exist_ok=True)
            if out.samefile(self.folder):
                raise InputError(f"{out} is the checkpoint's own folder; name another")
            (out / CONFIG).write_text(config, "utf-8")
            for path in (each for pattern in LINKED for each in self.folder.glob(pattern)):
                link = out / path.name
                link.unlink(missing_ok=True)
                link.symlink_to(path.resolve())
        except OSError as error:
            raise InputError(
                f"{out} cannot be made a folder for vLLM ({error.strerror}); name another"
            ) from error


def stored_name(folder: Path) -> str:
    """The fingerprint of the checkpoint in a folder. Errors as `stored_fingerprint`."""
    kind = served_kind(folder)
    return kind_fingerprint(folder, kind) if kind else stored_fingerprint(folder)


def _published(folder: Path, kind: Kind | None) -> dict[str, Any]:
    """The `config.json` of a newer checkpoint in the form that vLLM reads. Of its encoder it says
    next to nothing: a server of stored pages has none."""
    assert kind is not None
    text = json_config(folder)[TEXT]
    for key, allowed in USUAL.items():
        if key in text and text[key] not in allowed:
            raise FormatError(
                f"{folder / CONFIG}: {TEXT}.{key} is {text[key]!r}, and vLLM computes only "
                f"{allowed[0]!r}; answer with the checkpoint here, without a server"
            )
    language = {key: _size(folder, text, key) for key in SIZES} | UNGROUPED | {
        POSITIONS: _size(folder, text, POSITIONS),
        "first_k_dense_replace": _dense_layers(folder, text),
        "rope_theta": _rope_theta(folder, text),
        "norm_topk_prob": False,
    }  # fmt: skip
    window = text.get("sliding_window")
    return {
        "architectures": [kind.architecture],
        "model_type": kind.served_type,
        "tile_tag": "2D",
        "projector_config": {
            "projector_type": "linear", "input_dim": kind.projected, "n_embed": text[WIDTH]
        },
        LANGUAGE[:-1]: language,
        **({"rswa_window": window} if window else {}),
    }  # fmt: skip


def _size(folder: Path, language: Any, key: str) -> int:
    value = language.get(key) if isinstance(language, dict) else None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise FormatError(f"{folder / CONFIG}: {key} is {value!r}, not a size")
    return value


def _dense_layers(folder: Path, text: dict[str, Any]) -> int:
    """How many layers have no experts: the first ones."""
    kinds = text.get("mlp_layer_types")
    dense = kinds.count("dense") if isinstance(kinds, list) else -1
    if kinds != ["dense"] * dense + ["sparse"] * (text["num_hidden_layers"] - dense):
        raise FormatError(
            f"{folder / CONFIG}: mlp_layer_types is {kinds!r:.80}, not dense layers and then "
            "sparse ones, as vLLM has them"
        )
    return dense


def _rope_theta(folder: Path, text: dict[str, Any]) -> float:
    """The rotary base, without any scaling."""
    rope = text.get("rope_parameters")
    found = rope if isinstance(rope, dict) else {}
    theta = found.get("rope_theta")
    usual = found == {"rope_theta": theta, "rope_type": "default"}
    if not usual or not isinstance(theta, int | float):
        raise FormatError(
            f"{folder / CONFIG}: rope_parameters is {rope!r:.120}, not a base without scaling"
        )
    return float(theta)
