"""A real vLLM server for tests: a small checkpoint that it accepts, and the process.

`.ci/vllm-env` makes the environment it runs in.
"""

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
import torch
from tokenizers import Tokenizer, decoders, models

import optimem
from benchmarks.peer import random_model
from optimem.model.deepseek_ocr.checkpoint import save_checkpoint
from optimem.model.deepseek_ocr.config import DecoderConfig, DeepSeekConfig
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.model.vllm.command import server_command
from tests.model.deepseek_ocr.small import SMALL
from tests.servers import free_port

ROOT = Path(optimem.__file__).parents[1]
PYTHON_VARIABLE = "OPTIMEM_VLLM_PYTHON"
SERVE = ("-m", "vllm.entrypoints.openai.api_server", "--model")
"""`vllm serve`, which the wheel for CPUs does not find under its own name."""
QUIET = {"VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1",
         "VLLM_CPU_KVCACHE_SPACE": "1"}  # fmt: skip
PATIENCE = 300.0
"""Seconds that a server may take to start on a busy machine."""

WIDTH = 1280  # vLLM takes no other
SERVABLE = DeepSeekConfig(
    vision=replace(SMALL.vision, token_dim=WIDTH),
    decoder=DecoderConfig(
        width=WIDTH,
        depth=2,
        heads=10,
        dense_layers=1,
        dense_hidden=256,
        experts=8,
        top_k=3,
        expert_hidden=64,
        shared_hidden=128,
    ),
    vocabulary=320,
)


def vllm_python() -> str:
    """The Python that has vLLM. Without one a test is skipped, in CI it fails."""
    named = os.environ.get(PYTHON_VARIABLE) or str(ROOT / ".venv-vllm" / "bin" / "python")
    if not Path(named).exists():
        message = f"there is no vLLM: run .ci/vllm-env, or set {PYTHON_VARIABLE}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
    return named


def write_checkpoint(folder: Path) -> None:
    """A small random checkpoint, as `save_checkpoint` writes it, with a tokenizer of one character
    a token, so that an answer's text tells its ids."""
    save_checkpoint(random_model(SERVABLE), folder)
    characters = ["\n", *map(chr, range(32, 127))]
    characters += map(chr, range(0x4E00, 0x4E00 + SERVABLE.vocabulary - 3 - len(characters)))
    words = ["<bos>", "<eos>", *characters]
    tokenizer = Tokenizer(models.BPE({word: at for at, word in enumerate(words)}, []))
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens(["<bos>", "<eos>", "<image>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<bos>",
             "eos_token": "<eos>"}  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(named), "utf-8")


def open_checkpoint(folder: Path) -> DeepSeekReader:
    """The same in this process, in fp32."""
    return DeepSeekReader.open(
        folder, device=torch.device("cpu"), dtype=torch.float32, config=SERVABLE
    )


class VllmServer:
    """A server of a checkpoint, as a process on loopback, started by the words of `optimem
    server-command --cpu`. `more`: arguments after these."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = server_command(
            str(folder), cpu=True, port=self.port, positions=4096, dtype="float32"
        )
        environment = {**os.environ, **dict(command.environment), **QUIET}
        self._log = (folder.parent / f"vllm-{self.port}.log").open("w+b")
        self._process = subprocess.Popen(
            [vllm_python(), *SERVE, command.folder, *command.arguments, *more], env=environment,
            stdout=self._log, stderr=self._log, start_new_session=True, cwd=folder.parent,
        )  # fmt: skip
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(httpx2.TransportError):
                if httpx2.get(f"{self.url}/health").status_code == 200:
                    return
            time.sleep(0.25)
        self.stop()
        self._log.seek(0)
        pytest.fail("vLLM did not start: " + self._log.read().decode()[-3000:])

    def stop(self) -> None:
        """End it with all its processes."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
