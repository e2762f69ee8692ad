"""A server that speaks as vLLM does, readers for it, and a page."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.vllm.server import VllmServer, open_checkpoint, write_checkpoint
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.model.deepseek_ocr.stored_tokens import StoredPage
from optimem.model.vllm.reader import VllmReader
from tests.model.vllm.fake_server import WIDTH, FakeServer, fake_server
from tests.model.vllm.served import start_server

NAME = "deepseek-ocr-0123456789abcdef"
ANSWER = [(11, "The ", -0.1), (12, "", -0.5), (13, "日", -0.2), (14, " total", -2.0), (1, "", -0.1)]
"""Three pieces: a character of two tokens in the middle, and the end token."""

Serve = Callable[..., FakeServer]
Open = Callable[..., VllmReader]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers."""
    with ExitStack() as running:

        def start(**what: Any) -> FakeServer:
            what = {"name": NAME, "answer": ANSWER, **what}
            return running.enter_context(fake_server(**what))

        yield start


@pytest.fixture
def connect() -> Iterator[Open]:
    """Opens readers, which do not wait between tries."""
    with ExitStack() as opened:

        def reader(server: FakeServer | str, **options: Any) -> VllmReader:
            address = server if isinstance(server, str) else f"vllm+{server.url}"
            made = VllmReader.at(address, **{"wait": lambda attempt, asked: 0.0, **options})
            opened.callback(made.close)
            return made

        yield reader


def stored(rows: int = 20, *, seed: int = 0, name: str = NAME, width: int = WIDTH) -> StoredPage:
    """A page of random tokens."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randn(rows, width, generator=generator)
    return StoredPage(name, "tiny", rows, 640, 480, tokens)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small checkpoint that a real server serves."""
    folder = tmp_path_factory.mktemp("served") / "checkpoint"
    write_checkpoint(folder)
    return folder


@pytest.fixture(scope="session")
def here(checkpoint: Path) -> DeepSeekReader:
    """The same checkpoint in this process."""
    return open_checkpoint(checkpoint)


@pytest.fixture(scope="session")
def vllm(checkpoint: Path) -> Iterator[VllmServer]:
    """A real vLLM server of it, started once: half a minute on a quiet machine."""
    server = start_server(checkpoint)
    yield server
    server.stop()
