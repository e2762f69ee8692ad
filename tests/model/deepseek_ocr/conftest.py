"""The small random model, ours and transformers'."""

from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.peer import random_model, transformers_model
from optimem.model.deepseek_ocr.checkpoint import load_checkpoint, save_checkpoint
from optimem.model.deepseek_ocr.model import DeepSeekOCR
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from tests.model.deepseek_ocr.small import IMAGE_ID, SMALL, BriefReader, write_tokenizer


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[DeepSeekOCR, Any]:
    """Both read the same checkpoint in the published names."""
    folder = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(random_model(SMALL), folder)
    return load_checkpoint(folder, config=SMALL), transformers_model(folder, SMALL, IMAGE_ID)


@pytest.fixture
def model(pair: tuple[DeepSeekOCR, Any]) -> DeepSeekOCR:
    """Ours alone."""
    return pair[0]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("deepseek")
    save_checkpoint(random_model(SMALL), made)
    write_tokenizer(made)
    return made


@pytest.fixture(scope="session")
def reader(folder: Path) -> DeepSeekReader:
    cpu = torch.device("cpu")
    return DeepSeekReader.open(folder, device=cpu, dtype=torch.float32, config=SMALL)


@pytest.fixture(scope="session")
def brief(reader: DeepSeekReader) -> BriefReader:
    """The same, with short answers."""
    return BriefReader(reader.model, reader.tokenizer)
