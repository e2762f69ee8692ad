"""A small chat model, and a projector for it."""

from pathlib import Path

import pytest
import torch

from optimem.model.projector.chat_model import ChatModel
from tests.model.projector.small import write_chat_model, write_projector

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the chat model."""
    folder = tmp_path_factory.mktemp("chat") / "model"
    write_chat_model(folder)
    return folder


@pytest.fixture(scope="session")
def llm(folder: Path) -> ChatModel:
    """The same, open, in fp32."""
    return ChatModel.open(folder, CPU, torch.float32)


@pytest.fixture(scope="session")
def projector(folder: Path, llm: ChatModel) -> Path:
    """The file of a random projector for it, at Small."""
    return write_projector(folder.parent / "projector.safetensors", llm)
