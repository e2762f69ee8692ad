"""What a fresh process costs before it is of use, in CPU time.

    python -m benchmarks.startup [--rounds 7]

runs each of these in a process of its own, in turns, and prints the median of its CPU seconds and
their share of `import torch`'s: Python itself, `import torch`, `optimem --help`, the first append,
`optimem recall` of what is on a page at each tier, and the first page written, which needs torch.
Bytecode is cached, as it is once a package is installed.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from optimem import OpticalMemory, Tier
from optimem.cli.demo_story import QUESTION, demo_turns
from optimem.evaluation.round_trip import AGES, NO_FLOOR

SCOPE = "startup/you/chat"
NOW = 1_700_000_000.0
OPEN = "from optimem import OpticalMemory\nwith OpticalMemory.open({place!r}) as memory:\n    "
APPEND = "memory.append({scope!r}, 'Staging listens on port 6543.')"
WRITE = "memory.append({scope!r}, 'Staging listens on port 6543.'); memory.flush({scope!r})"


def main() -> None:
    """Measure, and print a table."""
    rounds = _rounds()
    with tempfile.TemporaryDirectory() as folder:
        commands = processes(Path(folder), list(AGES))
        seconds = measure(commands, rounds, Path(folder) / "bytecode")
    torch = median(seconds["import torch"])
    print(f"{'':<28}{'CPU s':>8}{'of import torch':>18}")
    for name, each in seconds.items():
        print(f"{name:<28}{median(each):>8.2f}{median(each) / torch:>18.0%}")


def processes(folder: Path, tiers: Sequence[Tier]) -> dict[str, list[str]]:
    """The commands by name. Writes the memories that they use to a folder."""
    snippets = {"python": "pass", "import torch": "import torch"}
    commands = {name: [sys.executable, "-c", code] for name, code in snippets.items()}
    commands["optimem --help"] = [sys.executable, "-m", "optimem.cli", "--help"]
    commands["first append"] = _process(APPEND, folder / "tail.db")
    for tier in tiers:
        place, now = folder / f"{tier.label}.db", NOW + AGES[tier]
        with OpticalMemory.open(place, policy=NO_FLOOR) as memory:
            memory.append(SCOPE, demo_turns(), now=NOW)
            memory.flush(SCOPE, now=NOW)
            memory.sweep(now=now)
        commands[f"optimem recall, {tier.label}"] = _recall(place, now)
    commands["first page written"] = _process(WRITE, Path(":memory:"))
    return commands


def _process(code: str, place: Path) -> list[str]:
    return [sys.executable, "-c", (OPEN + code).format(place=str(place), scope=SCOPE)]


def _recall(place: Path, now: float) -> list[str]:
    """The command, which fails if nothing matches."""
    command = [sys.executable, "-m", "optimem.cli", "recall", SCOPE, QUESTION]
    return [*command, "--now", str(now), "--store", str(place)]


def measure(
    commands: Mapping[str, Sequence[str]], rounds: int, bytecode: Path
) -> dict[str, list[float]]:
    """CPU seconds of each command by name, in turns, after one run that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            spent = _cpu_seconds(command, bytecode)
            if number:
                seconds[name].append(spent)
    return seconds


def _cpu_seconds(command: Sequence[str], bytecode: Path) -> float:
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _rounds() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.startup",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=7, help="of all processes (%(default)s)")
    rounds: int = parser.parse_args().rounds
    return rounds


if __name__ == "__main__":
    main()
