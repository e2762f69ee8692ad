"""The command that serves a checkpoint so that stored pages can be asked. Runs nothing."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from optimem.errors import InputError
from optimem.model.deepseek_ocr.generation import MAX_POSITIONS
from optimem.model.vllm.checkpoints import Checkpoint

NGRAM_PROCESSOR = "vllm.model_executor.models.deepseek_ocr:NGramPerReqLogitsProcessor"
DTYPES = ("auto", "bfloat16", "float16", "float32")
CPU_BLOCK = 32
"""Positions of a cached block on a CPU, where 128 is usual: of a page's 73 positions at Tiny, 64
are then found again."""


@dataclass(frozen=True)
class ServerCommand:
    """A command: its `environment`, and its `arguments` after `vllm serve FOLDER`."""

    folder: str
    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]

    def lines(self, width: int = 100) -> str:
        """The command for a shell, in lines of `width` characters where its words allow it."""
        words = [f"{name}={shlex.quote(value)}" for name, value in self.environment]
        words += ["vllm", "serve", *map(shlex.quote, (self.folder, *self.arguments))]
        lines = [""]
        for word in words:
            if lines[-1] and len(lines[-1]) + len(word) + 3 > width:
                lines.append("   ")
            lines[-1] += f" {word}" if lines[-1] else word
        return " \\\n".join(lines)


def server_command(
    model: str,
    *,
    cpu: bool = False,
    host: str = "127.0.0.1",
    port: int = 8000,
    positions: int = MAX_POSITIONS,
    dtype: str = "auto",
    out: Path | None = None,
) -> ServerCommand:
    """The command for a checkpoint, a folder or hub name. The served model is named after the
    fingerprint of its encoder, which clients look for. `out`: the folder that is served in its
    place if vLLM cannot read its `config.json`; see `Checkpoint.write_folder`. Raises InputError
    for settings that cannot be used, and as `Checkpoint.at`."""
    checkpoint = Checkpoint.at(model)
    most = checkpoint.positions
    if not 1024 <= positions <= most or not 0 < port < 65536 or dtype not in DTYPES:
        raise InputError(
            f"{positions} positions, port {port} and dtype {dtype} cannot be used; give 1024 to "
            f"{most}, a port, and one of {', '.join(DTYPES)}"
        )
    if cpu and checkpoint.kind and checkpoint.kind.windowed:
        raise InputError(
            f"vLLM serves {checkpoint.kind.name} on GPUs only: on a CPU it knows no attention to "
            "the last tokens of an answer; answer with the checkpoint here (--model)"
        )
    given = _served(checkpoint, model, out)
    names = [checkpoint.fingerprint, *([] if given != model else [model])]
    arguments = ["--served-model-name", *names, *SERVING]
    arguments += ["--max-model-len", str(positions), "--dtype", dtype]
    arguments += ["--host", host, "--port", str(port)]
    return ServerCommand(
        given,
        (*arguments, *(CPU_SERVING if cpu else ())),
        CPU_ENVIRONMENT if cpu else (),
    )


def _served(checkpoint: Checkpoint, model: str, out: Path | None) -> str:
    """What vLLM is to load: the checkpoint, by its name on the hub if it has one, or the folder
    that is made of it."""
    if not checkpoint.published:
        if out is None:
            raise InputError(
                f"vLLM cannot read {checkpoint.folder}, which is as transformers saves it; name a "
                "new folder for it, which gets a config.json that it reads, and links (--out)"
            )
        checkpoint.write_folder(out)
        return str(out.resolve())
    return str(checkpoint.folder.resolve()) if Path(model).expanduser().is_dir() else model


SERVING = (
    "--enable-prompt-embeds",
    *("--limit-mm-per-prompt", '{"image":0}'),  # no image tower: half the memory, and no pictures
    *("--logits-processors", NGRAM_PROCESSOR),
    *("--generation-config", "vllm"),  # nothing but what a request says
)
"""What every server needs."""
CPU_SERVING = ("--enforce-eager", "--block-size", str(CPU_BLOCK))
CPU_ENVIRONMENT = (("VLLM_CPU_KVCACHE_SPACE", "4"), ("VLLM_CPU_OMP_THREADS_BIND", "nobind"))
"""4 GiB for cached pages; threads where the system puts them, as OMP_NUM_THREADS says."""
