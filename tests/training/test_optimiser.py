"""The two optimisers as one."""

import torch

from optimem.training.optimiser import BOTTLENECK_LR, MuonWithAdamW, is_hidden


def test_muon_takes_hidden_matrices_only() -> None:
    big, small = torch.nn.Parameter(torch.zeros(200, 200)), torch.nn.Parameter(torch.zeros(9, 200))
    assert is_hidden("decoder.layers.0.q_proj.weight", big)
    assert not is_hidden("readouts.tiny.symbol.tail.weight", big)
    assert not is_hidden("norm.weight", small)


def test_the_optimiser_lowers_a_loss_and_its_state_comes_back() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(128, 128), torch.nn.Linear(128, 1))
    x, y = torch.randn(64, 128), torch.randn(64, 1)
    optimiser = MuonWithAdamW(model, lr=1e-2)
    losses = []
    for _ in range(20):
        loss = (model(x) - y).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step(1.0)
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    again = MuonWithAdamW(model, lr=1e-2)
    again.load_state_dict(optimiser.state_dict())
    assert (
        again.state_dict()["muon"]["state"].keys() == optimiser.state_dict()["muon"]["state"].keys()
    )


def test_the_bottleneck_learns_faster() -> None:
    model = torch.nn.ModuleDict(
        {"bottleneck": torch.nn.Linear(4, 1), "norm": torch.nn.Linear(4, 1)}
    )
    model["hidden"] = torch.nn.Linear(128, 128)
    optimiser = MuonWithAdamW(model, lr=1e-2)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step(0.5)
    assert [group["lr"] for group in optimiser.adamw.param_groups] == [
        0.5e-2,
        0.5e-2 * BOTTLENECK_LR,
    ]
