"""A real vLLM server, or the reason why there is none: then a test is skipped, and fails in CI."""

import os
from pathlib import Path

import pytest

from benchmarks.vllm.server import NoServerError, VllmServer, vllm_python


def start_server(checkpoint: Path) -> VllmServer:
    """A server of a checkpoint."""
    try:
        vllm_python()
    except NoServerError as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
    return VllmServer(checkpoint)
