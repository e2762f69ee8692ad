"""A checkpoint: where it is, and its published tensors in and out of our modules.

A checkpoint is a folder, or a name on the hub that is downloaded once. The tensors' names are those
of `deepseek-ai/DeepSeek-OCR` on the hub, misspellings included; no tensor is held twice.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from math import isqrt
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from optimem.errors import FormatError, InputError, MissingExtraError
from optimem.model import DEEPSEEK
from optimem.model.deepseek_ocr.config import DeepSeekConfig
from optimem.model.deepseek_ocr.model import DeepSeekOCR
from optimem.model.deepseek_ocr.published_config import CONFIG, config_json, read_config

TOKENIZER = "tokenizer.json"
DOWNLOADED = ("*.safetensors", "*.safetensors.index.json", CONFIG, TOKENIZER)

SAM, CLIP = "model.sam_model.", "model.vision_model."
CLASS_EMBEDDING = CLIP + "embeddings.class_embedding"
RENAMES: dict[str, tuple[tuple[str, str], ...]] = {
    "encoder.patch_embed.": (("encoder.patch_embed.", SAM + "patch_embed.proj."),),
    "encoder.patch_positions.": (("encoder.patch_positions.table", SAM + "pos_embed"),),
    "encoder.window_blocks.": (
        ("encoder.window_blocks.", SAM + "blocks."),
        ("attn.relative.", "attn.rel_pos_"),
        (".lin", ".mlp.lin"),
    ),
    "encoder.neck.": (("encoder.neck.", SAM + "neck."),),
    "encoder.net_": (("encoder.net_", SAM + "net_"),),
    "encoder.class_token.": (("encoder.class_token.embedding", CLASS_EMBEDDING),),
    "encoder.ln_pre.": (("encoder.ln_pre.", CLIP + "pre_layrnorm."),),
    "encoder.global_blocks.": (
        ("encoder.global_blocks.", CLIP + "transformer.layers."),
        (".norm", ".layer_norm"),
        (".attn.qkv.", ".self_attn.qkv_proj."),
        (".attn.proj.", ".self_attn.out_proj."),
        (".lin", ".mlp.fc"),
    ),
    "encoder.projector.": (("encoder.projector.", "model.projector.layers."),),
    "decoder.": (("decoder.", "model."),),
    "embed_tokens.": (("embed_tokens.", "model.embed_tokens."),),
    "image_newline": (("image_newline", "model.image_newline"),),
    "view_separator": (("view_separator", "model.view_seperator"),),
}
"""By the start of one of our names: what to replace in it for the published one."""

PATCH_EMBED = SAM + "patch_embed.proj.weight"
POSITIONS = CLIP + "embeddings.position_embedding.weight"
CLASS_POSITION = "encoder.class_token.position"
GRID_POSITIONS = "encoder.global_positions.table"
UNUSED = CLIP + "embeddings.patch_embedding.weight"
"""CLIP's own patch embedding: in the files, but the compressed map takes its place."""
FINGERPRINTED = ("encoder.projector.weight", "image_newline", "view_separator")
"""Our names of the parameters that an encoder's fingerprint is made of."""
BUFFERS = ("position_ids", "rotary_emb.inv_freq")
"""How names end that `save_pretrained` of some versions adds: values that follow from the sizes."""
DTYPES = (torch.bfloat16, torch.float16, torch.float32, torch.float64)
"""What tensors may hold; the values of others need scales to mean anything."""


def checkpoint_folder(name: str | Path) -> Path:
    """The folder of a checkpoint. A hub name such as `deepseek-ai/DeepSeek-OCR` is looked up in
    the hub's cache, or downloaded (6.7 GB). Raises InputError if there is no such checkpoint, and
    MissingExtraError without huggingface_hub."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / TOKENIZER).exists():
            raise InputError(
                f"{folder} holds no {TOKENIZER}; give the folder of a complete {DEEPSEEK}"
            )
        return folder
    if str(name).count("/") != 1 or str(name).startswith(("/", ".", "~")):
        raise InputError(f"there is no folder {name}; give one, or a hub name such as {DEEPSEEK}")
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import (
            HfHubHTTPError,
            HFValidationError,
            LocalEntryNotFoundError,
        )
    except ImportError as error:
        raise MissingExtraError(
            "downloading from the hub needs huggingface_hub: pip install 'optimem[hub]'"
        ) from error
    try:
        return Path(snapshot_download(str(name), allow_patterns=list(DOWNLOADED)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise InputError(
            f"{name} cannot be downloaded from the hub ({error}); download it elsewhere and give "
            "its folder"
        ) from error


def load_checkpoint(
    folder: Path, *, config: DeepSeekConfig | None = None, dtype: torch.dtype | None = None
) -> DeepSeekOCR:
    """The model from a folder with the published safetensors files. `config`: its sizes; default
    what its `config.json` says.

    Tensors stay mapped to the files unless `dtype` differs from theirs (bf16); then they are
    converted one by one. Raises InputError for a folder without such files, and FormatError for a
    file that is cut short or holds another model.
    """
    with torch.device("meta"):
        model = DeepSeekOCR(config or read_config(folder))
    wanted = {name: value.shape for name, value in model.state_dict().items()}
    ours = {published_name(name): name for name in wanted}
    state: dict[str, Tensor] = {}
    surplus = []
    for path in _files(folder):
        for published, value in _tensors(path):
            if published == UNUSED or published.endswith(BUFFERS):
                continue
            converted = _converted(path, published, value, ours)
            surplus += [] if converted else [published]
            for name, tensor in converted.items():
                _check_shape(path, published, tensor, wanted[name])
                state[name] = tensor if dtype is None else tensor.to(dtype)
    _check_names(folder, _published_names(n for n in wanted if n not in state), surplus)
    model.load_state_dict(state, assign=True)
    return model.eval().requires_grad_(False)


def save_checkpoint(model: DeepSeekOCR, folder: Path) -> None:
    """Write a model with the published names, as one file, and its `config.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(config_json(model.config), "utf-8")
    state = model.state_dict()
    tensors = {
        published_name(name): value.contiguous()
        for name, value in state.items()
        if name not in (CLASS_POSITION, GRID_POSITIONS)
    }
    patch = model.config.vision.patch
    kernel = tensors[PATCH_EMBED].unflatten(1, (patch, patch, 3)).permute(0, 3, 1, 2)
    tensors[PATCH_EMBED] = kernel.contiguous()
    grid = state[GRID_POSITIONS].flatten(0, 2)
    tensors[POSITIONS] = torch.cat((state[CLASS_POSITION][None], grid))
    tensors[UNUSED] = grid.new_zeros(grid.shape[1], 3, 14, 14)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def encoder_fingerprint(projector: Tensor, newline: Tensor, separator: Tensor) -> str:
    """Names an encoder by the last of its parameters, as they are stored."""
    digest = blake2b(digest_size=8)
    for value in (projector, newline, separator):
        stored = value.detach().cpu().bfloat16().contiguous().view(torch.int16)
        digest.update(stored.numpy().tobytes())
    return f"deepseek-ocr-{digest.hexdigest()}"


def stored_fingerprint(folder: Path) -> str:
    """The fingerprint of a checkpoint's encoder, without loading more than that takes. Raises
    InputError and FormatError as `load_checkpoint`."""
    wanted = [published_name(name) for name in FINGERPRINTED]
    found = named_tensors(folder, wanted)
    return encoder_fingerprint(*(found[name] for name in wanted))


def named_tensors(folder: Path, wanted: Sequence[str]) -> dict[str, Tensor]:
    """Some tensors of a checkpoint, by their published names. Errors as `load_checkpoint`."""
    found: dict[str, Tensor] = {}
    for path in _files(folder):
        found |= _tensors(path, wanted)
    _check_names(folder, [name for name in wanted if name not in found], [])
    return found


def published_name(name: str) -> str:
    """The published name of one of our parameters; CLIP's positions are two of ours."""
    if name in (CLASS_POSITION, GRID_POSITIONS):
        return POSITIONS
    for start, pairs in RENAMES.items():
        if name.startswith(start):
            for ours, theirs in pairs:
                name = name.replace(ours, theirs, 1)
    return name


def _published_names(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(map(published_name, names)))


def _files(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if index.exists():
        return [folder / name for name in _indexed(index)]
    found = sorted(folder.glob("*.safetensors"))
    if not found:
        raise InputError(
            f"{folder} holds no .safetensors file; give the folder of a downloaded {DEEPSEEK}"
        )
    return found


def _indexed(index: Path) -> list[str]:
    """The names of the files that an index of tensors lists."""
    try:
        names = {*json.loads(index.read_text("utf-8"))["weight_map"].values()}
    except (ValueError, LookupError, TypeError, AttributeError, OSError, RecursionError) as error:
        raise FormatError(f"{index} is not an index of tensors; download it again") from error
    for name in names:
        if not isinstance(name, str) or Path(name).name != name or "\0" in name:
            raise FormatError(
                f"{index} lists {name!r}, which is not the name of a file beside it; download it "
                "again"
            )
    return sorted(names)


def _tensors(path: Path, wanted: Sequence[str] | None = None) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a file: those that are `wanted`, or all."""
    try:
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118  a safetensors handle is not a dict
                if wanted is None or name in wanted:
                    yield name, file.get_tensor(name)
    except (OSError, SafetensorError) as error:
        raise FormatError(
            f"{path} is not a complete safetensors file ({error}); download it again"
        ) from error


def _converted(
    path: Path, published: str, value: Tensor, ours: dict[str, str]
) -> dict[str, Tensor]:
    """Our tensors by our names; none for a name that we do not know."""
    if published not in ours:
        return {}
    if value.dtype not in DTYPES:
        kind = str(value.dtype).removeprefix("torch.")
        raise FormatError(
            f"{path}: {published} holds {kind}, a quantised copy; give the checkpoint in bfloat16, "
            "float16 or float32"
        )
    if published == POSITIONS:
        return _positions(path, value)
    if published == PATCH_EMBED and value.ndim == 4:
        value = value.permute(0, 2, 3, 1).flatten(1)
    return {ours[published]: value}


def _positions(path: Path, value: Tensor) -> dict[str, Tensor]:
    """The position of CLIP's class token, and those of its grid."""
    side = isqrt(max(len(value) - 1, 0)) if value.ndim == 2 else 0
    if not side or 1 + side * side != len(value):
        raise FormatError(
            f"{path}: {POSITIONS} has shape {tuple(value.shape)}, not (1 + a square, width); this "
            "is another model or size"
        )
    grid = value[1:].view(1, side, side, value.shape[1])
    return {CLASS_POSITION: value[0], GRID_POSITIONS: grid}


def _check_shape(path: Path, published: str, tensor: Tensor, wanted: torch.Size) -> None:
    if tensor.shape != wanted:
        raise FormatError(
            f"{path}: {published} has shape {tuple(tensor.shape)}, not {tuple(wanted)}; this is "
            "another model or size"
        )


def _check_names(folder: Path, missing: list[str], surplus: list[str]) -> None:
    if missing or surplus:
        raise FormatError(
            f"{folder} is not DeepSeek-OCR: {len(missing)} tensors are missing "
            f"({', '.join(missing[:3]) or 'none'}), {len(surplus)} are not known "
            f"({', '.join(surplus[:3]) or 'none'})"
        )
