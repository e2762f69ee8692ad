"""A real vLLM server for tests and benchmarks: a small checkpoint that it accepts, and the process.

`.ci/vllm-env` makes the environment that it runs in.
"""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx2
import torch
from tokenizers import Tokenizer, decoders, models

import optimem
from benchmarks.peer import random_model
from optimem.model.deepseek_ocr.checkpoint import save_checkpoint
from optimem.model.deepseek_ocr.config import DecoderConfig, DeepSeekConfig, EncoderConfig
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.model.vllm.command import ServerCommand, server_command

ROOT = Path(optimem.__file__).parents[1]
PYTHON_VARIABLE = "OPTIMEM_VLLM_PYTHON"
SERVE = ("-m", "vllm.entrypoints.openai.api_server", "--model")
"""`vllm serve`, which the wheel for CPUs does not find under its own name."""
QUIET = {"VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1",
         "VLLM_CPU_KVCACHE_SPACE": "1"}  # fmt: skip
PATIENCE = 300.0
"""Seconds that a server may take to start on a busy machine."""

WIDTH = 1280  # vLLM takes no other
SMALL_ENCODER = EncoderConfig(
    patch_grid=32, window=7, global_blocks=(1,), width=32, depth=2, heads=4, hidden=48, neck=24,
    half_width=40, grid=8, global_width=48, global_depth=2, global_heads=4, global_hidden=64,
    token_dim=WIDTH,
)  # fmt: skip
SERVABLE = DeepSeekConfig(
    vision=SMALL_ENCODER,
    decoder=DecoderConfig(
        width=WIDTH, depth=2, heads=10, dense_layers=1, dense_hidden=256, experts=8, top_k=3,
        expert_hidden=64, shared_hidden=128,
    ),
    vocabulary=320,
)  # fmt: skip
"""A server without images does not look at the encoder, so that it may be small, too."""
WITH_IMAGES = replace(SERVABLE, vision=EncoderConfig())
"""The full encoder, which vLLM takes in no other size."""


class NoServerError(Exception):
    """There is no vLLM, or it did not start."""


def vllm_python() -> str:
    """The Python that has vLLM. Raises NoServerError."""
    named = os.environ.get(PYTHON_VARIABLE) or str(ROOT / ".venv-vllm" / "bin" / "python")
    if not Path(named).exists():
        raise NoServerError(f"there is no vLLM: run .ci/vllm-env, or set {PYTHON_VARIABLE}")
    return named


def write_checkpoint(folder: Path, config: DeepSeekConfig = SERVABLE) -> None:
    """A small random checkpoint, as `save_checkpoint` writes it, with a tokenizer of one character
    a token, so that an answer's text tells its ids."""
    save_checkpoint(random_model(config), folder)
    write_tokenizer(folder, config.vocabulary)


def write_tokenizer(folder: Path, vocabulary: int) -> None:
    """A tokenizer of one character a token."""
    characters = ["\n", *map(chr, range(32, 127))]
    characters += map(chr, range(0x4E00, 0x4E00 + vocabulary - 3 - len(characters)))
    words = ["<bos>", "<eos>", *characters]
    tokenizer = Tokenizer(models.BPE({word: at for at, word in enumerate(words)}, []))
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens(["<bos>", "<eos>", "<image>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<bos>",
             "eos_token": "<eos>", "pad_token": "<eos>"}  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(named), "utf-8")


def open_checkpoint(folder: Path, config: DeepSeekConfig = SERVABLE) -> DeepSeekReader:
    """The same in this process, in fp32."""
    return DeepSeekReader.open(
        folder, device=torch.device("cpu"), dtype=torch.float32, config=config
    )


class VllmServer:
    """A server, as a process on loopback. `command`: that starts it at a port, by default the words
    of `optimem server-command --cpu` for a checkpoint; `more`: arguments after these."""

    def __init__(
        self, folder: Path, *more: str, command: Callable[[int], ServerCommand] | None = None
    ) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        started = (command or partial(_checkpoint_command, folder))(self.port)
        environment = {**os.environ, **dict(started.environment), **QUIET}
        self._log = (folder.parent / f"vllm-{self.port}.log").open("w+b")
        self._process = subprocess.Popen(
            [vllm_python(), *SERVE, started.folder, *started.arguments, *more], env=environment,
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
        raise NoServerError("vLLM did not start: " + self._log.read().decode()[-3000:])

    def stop(self) -> None:
        """End it with all its processes."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _checkpoint_command(folder: Path, port: int) -> ServerCommand:
    return server_command(
        str(folder), cpu=True, port=port, positions=4096, dtype="float32",
        out=folder.with_name("served"),
    )  # fmt: skip


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
