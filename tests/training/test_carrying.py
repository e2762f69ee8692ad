"""Rows of known symbols are kept, others start anew."""

import torch

from optimem.training.carrying import carry_over


def test_known_rows_are_copied_by_name_and_new_ones_are_small() -> None:
    state = {
        "readouts.tiny.symbol.head.weight": torch.arange(12.0).view(4, 3),  # a, b, c, rare
        "readouts.tiny.symbol.tail.weight": torch.arange(6.0).view(2, 3),  # d, e
        "readouts.tiny.symbol.tail.bias": torch.tensor([3.0, 5.0]),
        "projector.weight": torch.ones(2, 2),
    }
    carried = carry_over(state, "abcde", ["c", "a", "e", "new", "d"], common=2)
    head, tail, bias, other = carried.values()
    old_head, old_tail, _, _ = state.values()
    assert torch.equal(head, old_head[[2, 0, 3]])  # the last is for all rare symbols
    assert torch.equal(tail[[0, 2]], old_tail[[1, 0]])
    assert bias[[0, 2]].tolist() == [5, 3]
    assert (tail[1] - old_tail.mean(0)).abs().max() < old_tail.std(0).max()
    assert torch.equal(other, state["projector.weight"])


def test_new_rows_are_the_same_every_time_and_unlike_one_another() -> None:
    state = {"x.symbol.tail.weight": torch.randn(5, 3)}
    first, second = (carry_over(state, "abcde", "abxyz", common=0) for _ in range(2))
    rows = first["x.symbol.tail.weight"]
    assert torch.equal(rows, second["x.symbol.tail.weight"])
    assert not torch.equal(rows[2], rows[3])
