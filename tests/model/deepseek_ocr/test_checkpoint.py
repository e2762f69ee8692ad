"""Checkpoints that are not there, incomplete, or of another model."""

from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from optimem.errors import FormatError, InputError
from optimem.model.deepseek_ocr.checkpoint import checkpoint_folder, load_checkpoint
from tests.model.deepseek_ocr.small import SMALL, write_tokenizer


def test_a_checkpoint_that_does_not_fit_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"this is another model or size"):
        load_checkpoint(folder)  # the published sizes
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
    with pytest.raises(InputError, match=r"no \.safetensors file"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"weight_map": [1]}'])
def test_an_index_that_is_damaged_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(content)
    with pytest.raises(FormatError, match="not an index of tensors; download it again"):
        load_checkpoint(tmp_path, config=SMALL)
