"""The small random model, ours and transformers'."""

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from oracle import SMALL, random_model, theirs  # found through the line above

from optimem.model.deepseek_ocr.checkpoint import load_checkpoint, save_checkpoint
from optimem.model.deepseek_ocr.model import DeepSeekOCR


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[DeepSeekOCR, Any]:
    """Both read the same checkpoint in the published names."""
    folder = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(random_model(), folder)
    return load_checkpoint(folder, config=SMALL), theirs(folder)


@pytest.fixture
def model(pair: tuple[DeepSeekOCR, Any]) -> DeepSeekOCR:
    """Ours alone."""
    return pair[0]
