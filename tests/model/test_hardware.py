"""What is done for speed gives what the plain line gives."""

import pytest
import torch

from optimem.model import hardware
from optimem.model.hardware import (
    FEW_ROWS,
    SHORT_ROW,
    FewRowsLinear,
    best_device,
    best_dtype,
    in_slices,
    outer_sum,
    slice_length,
)

CPU = torch.device("cpu")


def test_the_default_device_and_dtype_can_multiply() -> None:
    device = best_device()
    ones = torch.ones(2, 2, device=device, dtype=best_dtype(device))
    assert (ones @ ones).sum().item() == 8


def test_slices_get_shorter_as_their_rows_grow_and_never_empty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(hardware, "SLICE_ELEMENTS_PER_THREAD", 50)
    assert [slice_length(CPU, elements) for elements in (1, 10, 1000)] == [100, 10, 1]
    assert slice_length(torch.device("cuda"), 1 << 20) == 64


@pytest.mark.parametrize(("length", "expected"), [(2, [2, 2, 1]), (5, [5]), (9, [5])])
def test_slices_add_up_to_the_whole(length: int, expected: list[int]) -> None:
    x, lengths = torch.randn(3, 5), []

    def double(part: torch.Tensor) -> torch.Tensor:
        lengths.append(part.shape[1])
        return 2 * part

    with torch.no_grad():
        assert torch.equal(in_slices(double, x, length, 1), 2 * x)
    assert lengths == expected


def test_training_takes_the_whole() -> None:
    x = torch.randn(6, 2)
    assert in_slices(lambda part: part.sum(0, keepdim=True), x, 2).shape == (1, 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("side", [5, SHORT_ROW])
def test_sums_for_pairs_are_exact_however_they_are_made(side: int, dtype: torch.dtype) -> None:
    down, across = torch.randn(2, 3, 7, side, dtype=dtype).unbind(0)
    expected = (down[..., :, None] + across[..., None, :]).flatten(-2)
    assert torch.equal(outer_sum(down, across), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows", [1, 2, 8, FEW_ROWS, FEW_ROWS + 1])
def test_a_product_of_few_rows_is_the_product(rows: int, dtype: torch.dtype) -> None:
    layer = FewRowsLinear(48, 96).to(dtype)
    x = torch.randn(rows, 1, 48, dtype=dtype)
    with torch.no_grad():
        found = layer(x)
    exact = (x.double() @ layer.weight.double().T).to(dtype)
    torch.testing.assert_close(found, exact)
    assert found.is_contiguous()
