"""What sets newer checkpoints apart: their names, modes, and rule against repetition. Loads neither
transformers nor weights."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from optimem.model.deepseek_ocr.checkpoint import FINGERPRINTED, encoder_fingerprint, named_tensors
from optimem.model.deepseek_ocr.checkpoint import published_name as published
from optimem.model.deepseek_ocr.generation import GenerationSettings, NoRepeat
from optimem.model.deepseek_ocr.images import MODES, Mode
from optimem.model.deepseek_ocr.published_config import CONFIG


@dataclass(frozen=True)
class Kind:
    """What sets a checkpoint apart. `name`: of its fingerprints. `architecture`, `served_type`:
    what vLLM calls it, and the `model_type` by which it reads its configuration. `projected`:
    dimensions that the projector takes. `modes`: in which images can be encoded, by our names, each
    larger than the one before. `tiles`: most of them. `newlines`: whether rows of vision tokens end
    with one. `windowed`: whether an answer attends to its last tokens only. `no_repeat`: its
    published rule."""

    name: str
    architecture: str
    served_type: str
    projected: int
    modes: Mapping[str, Mode]
    tiles: int
    newlines: bool = True
    windowed: bool = False
    no_repeat: NoRepeat = field(default_factory=NoRepeat)


KINDS = {
    "deepseek_ocr2": Kind(
        "deepseek-ocr-2",
        "DeepseekOCR2ForCausalLM",
        "deepseek_vl_v2",
        896,
        {mode.name: mode for mode in (
            Mode("small", 768), Mode("base", 1024), Mode("gundam", 1024, 768)
        )},
        tiles=6,
        newlines=False,
    ),
    "unlimited_ocr": Kind(
        "unlimited-ocr",
        "UnlimitedOCRForCausalLM",
        "unlimited_ocr",
        2048,
        {name: mode for name, mode in MODES.items() if name != "gundam-m"},
        tiles=32,
        windowed=True,
        no_repeat=NoRepeat(35, 128),
    ),
}  # fmt: skip
"""By the `model_type` of `config.json`. DeepSeek-OCR 2 has learned queries for sides of 768 and
1024 only, 144 and 256 of them."""


def checkpoint_kind(folder: Path) -> Kind | None:
    """Which of `KINDS` a folder holds, in the form that transformers reads, by its `config.json`;
    None for any other."""
    model_type = json_config(folder).get("model_type")
    return KINDS.get(model_type) if isinstance(model_type, str) else None


def served_kind(folder: Path) -> Kind | None:
    """The same, also in the form that vLLM reads."""
    architectures = json_config(folder).get("architectures")
    named = (kind for kind in KINDS.values() if architectures == [kind.architecture])
    return next(named, None) or checkpoint_kind(folder)


def kind_of(fingerprint: str) -> Kind | None:
    """Which of `KINDS` wrote tokens; None for DeepSeek-OCR."""
    name = fingerprint.rpartition("-")[0]
    return next((kind for kind in KINDS.values() if kind.name == name), None)


def kind_fingerprint(folder: Path, kind: Kind) -> str:
    """The fingerprint of a checkpoint's encoder, without loading more than that takes. Raises
    InputError and FormatError as `load_checkpoint`."""
    projector, newline, separator = map(published, FINGERPRINTED)
    names = [projector, separator, *([newline] if kind.newlines else [])]
    found = named_tensors(folder, names)
    last = found[separator]
    return fingerprint_of(kind, found[projector], found.get(newline, last), last)


def fingerprint_of(kind: Kind, projector: Any, newline: Any, separator: Any) -> str:
    """Names an encoder by the last of its parameters; see `encoder_fingerprint`."""
    digest = encoder_fingerprint(projector, newline, separator).rpartition("-")[2]
    return f"{kind.name}-{digest}"


def own_settings(settings: GenerationSettings | None, kind: Kind | None) -> GenerationSettings:
    """The settings, with a kind's rule in place of DeepSeek-OCR's."""
    settings = settings or GenerationSettings()
    if kind is None or settings.no_repeat != NoRepeat():
        return settings
    return replace(settings, no_repeat=kind.no_repeat)


def json_config(folder: Path) -> dict[str, Any]:
    """What `config.json` says; nothing if it cannot be read."""
    try:
        found = json.loads((folder / CONFIG).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
