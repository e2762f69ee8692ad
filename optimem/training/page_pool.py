"""Processes that mix training pages ahead of the steps that need them.

A GPU takes thousands of pages a second, one process mixes some hundreds. The pages are those that
would be mixed without these processes. Knows nothing of drawing.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from optimem.protocols import Cells
from optimem.training.pages import PageMixer

AHEAD = 3  # steps
AT_ONCE = 16  # pages that a process mixes before it takes others

_fork = multiprocessing.get_context("fork")

Plan = Callable[[int], Sequence[int]]
"""A step to the number of pages of each of its tasks."""


class Part(NamedTuple):
    """Some pages of a task: those from `first` to `last` - 1."""

    step: int
    task: int
    first: int
    last: int


def mix(mixer: PageMixer, seed: int, part: Part) -> Cells:
    """Pages (pages, 12,800). Each depends only on the seed, the step, the task and its number."""
    pages = []
    for number in range(part.first, part.last):
        mixer.rng = np.random.default_rng((seed, part.step, part.task, number))
        pages.append(mixer.page())
    return np.stack(pages)


class PagePool:
    """`workers` processes that mix the pages of the coming steps. To be made before the first
    use of the GPU, which a process that is split off later cannot share."""

    def __init__(self, mixer: PageMixer, plan: Plan, *, seed: int, workers: int) -> None:
        self.plan = plan
        self._asked: dict[int, list[Part]] = {}  # by step
        self._mixed: dict[Part, Cells] = {}
        self._tasks: Any = _fork.Queue()
        self._done: Any = _fork.Queue()
        self._processes = [
            _fork.Process(target=_serve, args=(mixer, seed, self._tasks, self._done), daemon=True)
            for _ in range(workers)
        ]
        for process in self._processes:
            process.start()

    def pages(self, step: int, task: int) -> Cells:
        """Cells of a task's pages (pages, 12,800), each task to be asked for once. Steps must not
        go backwards."""
        for ahead in range(step, step + AHEAD):
            self._ask(ahead)
        parts = [part for part in self._asked[step] if part.task == task]
        while not all(part in self._mixed for part in parts):
            part, cells = self._done.get()
            self._mixed[part] = cells
        self._asked = {each: parts for each, parts in self._asked.items() if each >= step}
        return np.concatenate([self._mixed.pop(part) for part in parts])

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.terminate()
            process.join()

    def _ask(self, step: int) -> None:
        if step in self._asked:
            return
        self._asked[step] = [
            Part(step, task, first, min(first + AT_ONCE, pages))
            for task, pages in enumerate(self.plan(step))
            for first in range(0, pages, AT_ONCE)
        ]
        for part in self._asked[step]:
            self._tasks.put(part)


def _serve(mixer: PageMixer, seed: int, tasks: Any, done: Any) -> None:
    while True:
        part = tasks.get()
        done.put((part, mix(mixer, seed, part)))
