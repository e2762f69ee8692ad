"""Servers of DeepSeek-OCR: the command that starts one, and what a running one lacks.

Leaves the work to `model.vllm`.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from optimem import build

if TYPE_CHECKING:
    from optimem.model.vllm.checking import Finding


def server_command(
    model: str,
    *,
    cpu: bool,
    host: str,
    port: int,
    positions: int,
    dtype: str,
    out: Path | None,
) -> str:
    """The shell command that serves a checkpoint; see `model.vllm.command.server_command`."""
    from optimem.model.vllm import command

    made = command.server_command(
        model, cpu=cpu, host=host, port=port, positions=positions, dtype=dtype, out=out
    )
    return made.lines()


def check_server(address: str, model: str, *, compare: bool) -> "Iterator[Finding]":
    """What a running server can and lacks; see `model.vllm.checking.check_server`. `compare`: load
    the checkpoint here too."""
    from optimem.model.vllm import checking

    here = partial(build.deepseek_reader, model) if compare else None
    return checking.check_server(address, model, here=here)
