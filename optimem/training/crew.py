"""Processes that train one model together on CPU cores that other programs use as well.

Threads wait for one another in every layer, so that one busy core stops them all. Processes wait
twice a step: each takes the next task until none is left, then updates its own share of the
parameters with the gradients of all. Knows nothing of tiers, losses or files.
"""

import multiprocessing
import pickle
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

PATIENCE = 1800.0  # seconds that a process waits for the others

_fork = multiprocessing.get_context("fork")

Found = TypeVar("Found")


class Crew:
    """`size` processes around one model; this is number `rank`.

    Parameters and gradients are in shared memory. Everything else that exists before `start` is
    copied to each process. A crew of one changes nothing.
    """

    def __init__(self, model: nn.Module, size: int) -> None:
        self.model, self.size, self.rank = model, size, 0
        self._queue: Any = _fork.SimpleQueue()
        self._next_task = _fork.Value("i", 0)
        self._barrier = _fork.Barrier(size)
        self._answer = _fork.Value("b", False)
        self._squared_norms = torch.zeros(size, dtype=torch.float64)
        self._gradients: list[list[Tensor]] = []  # by rank, then by parameter
        if size > 1:
            torch.set_num_threads(1)
            model.share_memory()
            self._squared_norms.share_memory_()
            self._gradients = [
                [torch.zeros_like(parameter).share_memory_() for parameter in model.parameters()]
                for _ in range(size)
            ]

    def start(self, work: Callable[[], None]) -> None:
        """Run `work` in every process; returns when it is done in this one, which is rank 0."""
        for rank in range(1, self.size):
            _fork.Process(target=self._run, args=(rank, work), daemon=True).start()
        work()

    def _run(self, rank: int, work: Callable[[], None]) -> None:
        self.rank = rank
        work()

    def wait(self) -> None:
        """Wait for all processes. Raises BrokenBarrierError if one does not come."""
        if self.size > 1:
            self._barrier.wait(PATIENCE)

    def tasks(self, count: int) -> Iterator[int]:
        """Numbers below `count`; no two processes get the same one until `sum_gradients`."""
        if self.size == 1:
            yield from range(count)
            return
        while True:
            with self._next_task.get_lock():
                task, self._next_task.value = self._next_task.value, self._next_task.value + 1
            if task >= count:
                return
            yield task

    def gather(self, found: Found) -> list[Found]:
        """In rank 0 what all processes found, its own first; elsewhere only one's own."""
        gathered = [found]
        if self.rank:
            self._queue.put(pickle.dumps(found))
        else:
            gathered += [pickle.loads(self._queue.get()) for _ in range(self.size - 1)]
        self.wait()
        return gathered

    def agree(self, yes: bool) -> bool:
        """What rank 0 says, in every process."""
        if self.size == 1:
            return yes
        if self.rank == 0:
            self._answer.value = yes
        self.wait()
        answer = bool(self._answer.value)
        self.wait()  # before rank 0 answers again
        return answer

    def own_parameters(self) -> list[tuple[str, nn.Parameter]]:
        """The parameters that this process updates: a fair share of the work."""
        loads: list[int] = [0] * self.size
        own = []
        for name, parameter in sorted(self.model.named_parameters(), key=lambda n: -_work(n[1])):
            rank = loads.index(min(loads))
            loads[rank] += _work(parameter)
            if rank == self.rank:
                own.append((name, parameter))
        return own

    def zero_gradients(self) -> None:
        """Forget this process's gradients."""
        if self.size == 1:
            self.model.zero_grad(set_to_none=True)
            return
        gradients = self._gradients[self.rank]
        for parameter, gradient in zip(self.model.parameters(), gradients, strict=True):
            parameter.grad = gradient.zero_()

    def sum_gradients(self, max_norm: float) -> None:
        """Give one's own parameters the gradients of all processes, their norm over the whole
        model clipped to `max_norm`; other parameters have none."""
        if self.size == 1:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), max_norm)
            return
        self.wait()
        if self.rank == 0:
            self._next_task.value = 0
        sums = self._own_sums()
        self._squared_norms[self.rank] = sum(float(total.square().sum()) for total in sums)
        self.wait()
        norm = float(self._squared_norms.sum().sqrt())
        for total in sums:
            total.mul_(min(max_norm / (norm + 1e-6), 1.0))

    def _own_sums(self) -> list[Tensor]:
        own = {id(parameter) for _, parameter in self.own_parameters()}
        sums = []
        for parameter, *gradients in zip(self.model.parameters(), *self._gradients, strict=True):
            parameter.grad = None
            total = torch.stack(gradients).sum(0) if id(parameter) in own else None
            if total is not None and total.any():  # a tier that took no part is not updated
                parameter.grad = total
                sums.append(total)
        return sums


def _work(parameter: nn.Parameter) -> int:
    """Roughly what an update costs: Muon multiplies matrices."""
    return parameter.numel() * (min(parameter.shape) if parameter.ndim == 2 else 16)
