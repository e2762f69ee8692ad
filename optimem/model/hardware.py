"""Where a model runs, and what is done so that it runs fast there.

Nothing here changes a result beyond rounding: each function stands in for a plainer line, which
its docstring names. Measured with torch 2.13.

**Slices.** glibc's malloc maps a block of more than 32 MB afresh at every call and unmaps it
when it is freed, so the kernel must zero and map its pages each time; at that size this takes
longer than the arithmetic. On a CPU, work on large maps is therefore cut into slices of 8 MB per
thread, which also fit the caches better. On a GPU a slice only bounds memory: the attention bias
of a map of 80 × 80 positions would take 2 GB if all twelve heads of SAM-B were computed together.

**Few rows.** A decoding step multiplies a few rows by large matrices. Its time is the time to
read the weights, provided that the library's inner loops run over them.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

SLICE_ELEMENTS = 1 << 26
"""Elements of the largest intermediate tensor on a GPU: 256 MB in fp32."""
SLICE_ELEMENTS_PER_THREAD = 1 << 21
"""The same on a CPU, for each thread: 8 MB in fp32."""

SHORT_ROW = 32
"""Length of a row from which a broadcast sum is faster than a matrix product. In bf16, on
shorter rows, the sum takes four times as long."""

FEW_ROWS = 32
"""Most rows for which `FewRowsLinear` is faster than `nn.Linear`; 1 to 64 were timed."""


def best_device() -> torch.device:
    """CUDA or MPS if available, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def cuda_devices() -> int:
    """GPUs that CUDA sees."""
    return torch.cuda.device_count()


def best_dtype(device: torch.device) -> torch.dtype:
    """bf16 if the hardware multiplies it natively, else fp32."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.bfloat16
    native = device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if native else torch.float32


def slice_length(device: torch.device, elements: int) -> int:
    """Rows of a slice, at least 1, if each row makes `elements` elements of intermediate
    tensors."""
    if device.type == "cpu":
        return max(SLICE_ELEMENTS_PER_THREAD * torch.get_num_threads() // elements, 1)
    return max(SLICE_ELEMENTS // elements, 1)


def in_slices(work: Callable[[Tensor], Tensor], x: Tensor, length: int, dim: int = 0) -> Tensor:
    """`work(x)`, computed on slices of `length` along `dim`. In training the slices would all
    be kept for the backward pass, so `x` stays whole."""
    if torch.is_grad_enabled() or x.shape[dim] <= length:
        return work(x)
    return torch.cat([work(part) for part in x.split(length, dim)], dim)


def outer_sum(rows: Tensor, columns: Tensor) -> Tensor:
    """`(rows[..., :, None] + columns[..., None, :]).flatten(-2)`: two (…, side) to
    (…, side²). Exact in any dtype: the product adds nothing but zeros to the two terms."""
    side = rows.shape[-1]
    if side >= SHORT_ROW:
        return (rows[..., :, None] + columns[..., None, :]).flatten(-2)
    index, one = torch.arange(side, device=rows.device), torch.eye(side).to(rows)
    pattern = torch.cat((one[:, index.repeat_interleave(side)], one[:, index.repeat(side)]))
    return torch.cat((rows, columns), -1) @ pattern  # (…, side²)


class FewRowsLinear(nn.Linear):
    """`nn.Linear` without a bias, fast on a CPU for the few rows of a decoding step: for 8 rows
    1.4 times as fast in fp32 and bf16 (MKL, oneDNN)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (…, inputs)
        rows = x.numel() // self.in_features
        at_bound = x.dtype is torch.float32 and rows < 4  # nn.Linear is as fast as memory here
        if x.device.type != "cpu" or torch.is_grad_enabled() or at_bound or rows > FEW_ROWS:
            return super().forward(x)
        flat = x.reshape(rows, self.in_features)
        y = self.weight.mv(flat[0]) if rows == 1 else (self.weight @ flat.T).T.contiguous()
        return y.reshape(*x.shape[:-1], self.out_features)
