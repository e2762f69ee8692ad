"""The two optimisers as one."""

import pytest
import torch

from optimem.training.optimiser import MuonWithAdamW, is_hidden


def test_muon_takes_hidden_matrices_only() -> None:
    big, small = torch.nn.Parameter(torch.zeros(200, 200)), torch.nn.Parameter(torch.zeros(9, 200))
    assert is_hidden("decoder.layers.0.q_proj.weight", big)
    assert not is_hidden("readouts.tiny.symbol.tail.weight", big)
    assert not is_hidden("norm.weight", small)
    assert is_hidden("bottleneck.bases.tiny.weight", big)
    assert not is_hidden("bottleneck.log_spread", big)


def test_the_optimiser_lowers_a_loss_and_its_state_comes_back() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(128, 128), torch.nn.Linear(128, 1))
    x, y = torch.randn(64, 128), torch.randn(64, 1)
    optimiser = MuonWithAdamW(model.named_parameters(), lr=1e-2)
    losses = []
    for _ in range(20):
        loss = (model(x) - y).square().mean()
        model.zero_grad()
        loss.backward()
        optimiser.step(1.0)
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    state = optimiser.state_dict()
    assert set(state) == {name for name, _ in model.named_parameters()}
    again = MuonWithAdamW([("0.weight", model[0].weight), ("0.bias", model[0].bias)], lr=1e-2)
    again.load_state_dict(state)
    assert again.state_dict() == {name: state[name] for name in ("0.weight", "0.bias")}


def test_logarithms_and_rare_symbols_learn_faster() -> None:
    names = ("norm.weight", "bottleneck.log_gain", "readouts.tiny.symbol.tail.weight")
    parameters = {name: torch.nn.Parameter(torch.zeros(4)) for name in names}
    parameters["hidden.weight"] = torch.nn.Parameter(torch.zeros(128, 128))
    optimiser = MuonWithAdamW(parameters.items(), lr=1e-2)
    for parameter in parameters.values():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step(0.5)
    rates = [group["lr"] for group in optimiser.adamw.param_groups]
    assert rates == pytest.approx([0.5e-2, 5e-2, 1.5e-2])
