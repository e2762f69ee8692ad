"""Outcomes kept in a file, a line of JSON each, so that a run that was stopped goes on where it
was.

Knows nothing of how outcomes are found. A file holds for one state of the code: delete it to
measure again.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.agents.bill import OwnCall, Traffic
from benchmarks.agents.cost import Job, Outcome

Runner = Callable[[Sequence[Job]], Iterable[tuple[Job, Outcome]]]


def resumed(jobs: Sequence[Job], path: Path | None, run: Runner) -> Iterator[tuple[Job, Outcome]]:
    """The outcomes of jobs in order: from the file if it has them, else run and added to it."""
    found = _read(path) if path and path.exists() else {}
    left = iter(run([job for job in jobs if job not in found]))
    for job in jobs:
        if job not in found:
            _, found[job] = next(left)
            if path:
                _add(path, job, found[job])
        yield job, found[job]


def _add(path: Path, job: Job, outcome: Outcome) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps([job, asdict(outcome)]) + "\n")


def _read(path: Path) -> dict[Job, Outcome]:
    lines = path.read_text("utf-8").splitlines()
    return {Job(*job): _outcome(**fields) for job, fields in map(json.loads, lines)}


def _outcome(
    traffic: dict[str, list[list[int]]], facts: list[bool], follow_ups: list[bool], orphans: int
) -> Outcome:
    sizes = [(size, prefix) for size, prefix in traffic["sizes"]]
    own = [OwnCall(sent, received) for sent, received in traffic["own"]]
    return Outcome(Traffic(sizes, own), facts, follow_ups, orphans)
