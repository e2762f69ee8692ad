"""The small random model in DeepSeek-OCR's place, and a server in the APIs' place."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.recording_server import recording
from tests.model.deepseek_ocr.conftest import brief, folder, reader

__all__ = ["brief", "folder", "reader"]


@pytest.fixture
def server() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A recording server's address, and the requests that it got."""
    with recording() as running:
        yield running
