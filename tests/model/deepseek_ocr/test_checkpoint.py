"""Checkpoints that are not there, incomplete, or of another model."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from optimem.errors import FormatError, InputError, TokenizerError
from optimem.model.deepseek_ocr.checkpoint import checkpoint_folder, load_checkpoint
from optimem.model.deepseek_ocr.config import DEEPSEEK_OCR
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from tests.model.deepseek_ocr.small import SMALL, write_tokenizer


def test_a_checkpoint_that_does_not_fit_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"this is another model or size"):
        load_checkpoint(folder, config=DEEPSEEK_OCR)
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:5000])
    with pytest.raises(FormatError, match="not a complete safetensors file"):
        load_checkpoint(tmp_path, config=SMALL)
    tensors = load_file(folder / "model.safetensors")
    tensors["extra"] = tensors.pop("model.norm.weight")
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(FormatError, match=r"1 tensors are missing \(model.norm.weight\), 1 are"):
        load_checkpoint(tmp_path, config=SMALL)


def test_places_without_a_checkpoint_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        checkpoint_folder(tmp_path / "none")
    with pytest.raises(InputError, match="holds no tokenizer"):
        checkpoint_folder(tmp_path)
    write_tokenizer(tmp_path)
    assert checkpoint_folder(tmp_path) == tmp_path
    with pytest.raises(InputError, match=r"no config\.json"):
        load_checkpoint(tmp_path)
    with pytest.raises(InputError, match=r"no \.safetensors file"):
        load_checkpoint(tmp_path, config=SMALL)


def changed(folder: Path, target: Path, **tensors: torch.Tensor | None) -> Path:
    """A copy of a checkpoint with other tensors by their names' last parts; None leaves one out."""
    state = load_file(folder / "model.safetensors")
    for short, value in tensors.items():
        name = next((n for n in state if n.replace(".", "_").endswith(short)), short)
        state.pop(name, None)
        if value is not None:
            state[name] = value
    save_file(state, target / "model.safetensors")
    return target


def test_buffers_that_were_saved_too_are_ignored(folder: Path, tmp_path: Path) -> None:
    state = load_file(folder / "model.safetensors")
    state["model.vision_model.embeddings.position_ids"] = torch.arange(65)[None]
    state["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(8)
    save_file(state, tmp_path / "model.safetensors")
    assert load_checkpoint(tmp_path, config=SMALL).config == SMALL


@pytest.mark.parametrize("dtype", [torch.int8, torch.float8_e4m3fn])
def test_quantised_tensors_are_refused(folder: Path, tmp_path: Path, dtype: torch.dtype) -> None:
    changed(folder, tmp_path, lm_head_weight=torch.ones(300, 64).to(dtype))
    with pytest.raises(FormatError, match=r"lm_head.weight holds (int8|float8_e4m3fn), a quantise"):
        load_checkpoint(tmp_path, config=SMALL)


def test_missing_tensors_have_their_published_names(folder: Path, tmp_path: Path) -> None:
    changed(folder, tmp_path, embeddings_position_embedding_weight=None)
    missing = (
        r"1 tensors are missing \(model\.vision_model\.embeddings\.position_embedding\.weight\)"
    )
    with pytest.raises(FormatError, match=missing):
        load_checkpoint(tmp_path, config=SMALL)


def test_positions_that_are_no_square_are_named(folder: Path, tmp_path: Path) -> None:
    changed(folder, tmp_path, embeddings_position_embedding_weight=torch.ones(64, 48))
    with pytest.raises(FormatError, match=r"position_embedding\.weight has shape \(64, 48\)"):
        load_checkpoint(tmp_path, config=SMALL)


@pytest.mark.parametrize("name", ["1", "null", '"../other.safetensors"', '"a\\u0000b"', "0.5"])
def test_an_index_that_lists_no_file_is_named(tmp_path: Path, name: str) -> None:
    index = f'{{"weight_map": {{"a": {name}, "b": "model.safetensors"}}}}'
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(FormatError, match="not the name of a file beside it; download it again"):
        load_checkpoint(tmp_path, config=SMALL)


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"weight_map": [1]}', '{"weight_map": {"a": [1]}}', "[" * 100_000]
)
def test_an_index_that_is_damaged_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(content)
    with pytest.raises(FormatError, match="not an index of tensors; download it again"):
        load_checkpoint(tmp_path, config=SMALL)


def test_config_and_tokenizer_are_checked_before_the_weights(folder: Path, tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    (tmp_path / "config.json").write_text('{"sliding_window": 128}')
    with pytest.raises(FormatError, match="sliding_window is 128"):
        DeepSeekReader.open(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(TokenizerError, match="gives <image> the id None, not 128815"):
        DeepSeekReader.open(tmp_path)
