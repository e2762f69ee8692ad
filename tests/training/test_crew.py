"""Processes that share a step."""

import multiprocessing
from functools import partial
from pathlib import Path

import pytest
import torch

from optimem.training.crew import Crew
from optimem.training.optimiser import MuonWithAdamW


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    hidden = [torch.nn.Linear(120, 120) for _ in range(4)]
    return torch.nn.Sequential(*hidden, torch.nn.Linear(120, 1))


def learn(crew: Crew, inputs: torch.Tensor, out: Path) -> None:
    """Three steps, in which each input is a task."""
    torch.set_num_threads(1)
    optimiser = MuonWithAdamW(crew.own_parameters(), lr=1e-2)
    for _ in range(3):
        crew.zero_gradients()
        done = []
        for task in crew.tasks(len(inputs)):
            (crew.model(inputs[task]) - task).square().sum().backward()
            done.append(task)
        crew.sum_gradients(1.0)
        optimiser.step(1.0)
        crew.wait()
        assert crew.agree(crew.rank == 0)
        assert not crew.agree(crew.rank > 0)
    done = crew.gather(done)
    if crew.rank == 0:
        torch.save((crew.model.state_dict(), done), out)


def in_processes(size: int, out: Path) -> tuple[dict[str, torch.Tensor], list[list[int]]]:
    crew = Crew(network(), size)
    torch.manual_seed(1)
    work = partial(learn, crew, torch.randn(6, 120), out)
    process = multiprocessing.get_context("fork").Process(target=crew.start, args=(work,))
    process.start()
    process.join(120)
    assert process.exitcode == 0
    found: tuple[dict[str, torch.Tensor], list[list[int]]] = torch.load(out)
    return found


def test_processes_together_learn_what_one_does(tmp_path: Path) -> None:
    alone, (all_tasks,) = in_processes(1, tmp_path / "1")
    together, shared_tasks = in_processes(2, tmp_path / "2")
    assert all_tasks == [0, 1, 2, 3, 4, 5]
    assert len(shared_tasks) == 2
    assert sorted(shared_tasks[0] + shared_tasks[1]) == all_tasks
    for name, parameter in alone.items():
        torch.testing.assert_close(parameter, together[name], atol=1e-3, rtol=0)
    start = network().state_dict()
    assert not any(torch.equal(alone[name], start[name]) for name in start)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_parameter_has_one_owner(size: int) -> None:
    crew, owned = Crew(network(), size), []
    for rank in range(size):
        crew.rank = rank
        mine = [name for name, _ in crew.own_parameters()]
        assert mine
        owned += mine
    assert sorted(owned) == sorted(name for name, _ in crew.model.named_parameters())
