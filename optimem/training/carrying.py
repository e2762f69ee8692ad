"""Carries what a model knows of an alphabet's symbols over to a model with another alphabet.

The rows of symbols that both have are copied by name; new ones start near zero. Knows nothing of
files.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

HEAD, TAIL = ".symbol.head.", ".symbol.tail."
NEW_SPREAD = 0.1  # of a new row, as a share of the known ones'


def carry_over(
    state: Mapping[str, Tensor], known: Sequence[str], symbols: Sequence[str], common: int
) -> dict[str, Tensor]:
    """A model's parameters for another alphabet.

    `state`: parameters by name, of a model that was trained on the symbols `known`. `symbols`:
    those of the new model, of which the first `common` share a softmax.
    """
    carried = dict(state)
    for name, value in state.items():
        if HEAD in name:
            old_common = len(value) - 1
            rows = _rows(value[:-1], known[:old_common], symbols[:common])
            carried[name] = torch.cat((rows, value[-1:]))  # the last stands for all rare symbols
        elif TAIL in name:
            carried[name] = _rows(value, known[-len(value) :], symbols[common:])
    return carried


def _rows(value: Tensor, known: Sequence[str], symbols: Sequence[str]) -> Tensor:
    """Rows (len(symbols), …) by name, from those (len(known), …)."""
    place = {symbol: index for index, symbol in enumerate(known)}
    generator = torch.Generator().manual_seed(len(symbols))
    noise = torch.randn((len(symbols), *value.shape[1:]), generator=generator)
    rows = value.mean(0) + NEW_SPREAD * value.std(0) * noise.to(value)
    copied = [(new, place[symbol]) for new, symbol in enumerate(symbols) if symbol in place]
    if copied:
        new, old = map(list, zip(*copied, strict=True))
        rows[new] = value[old]
    return rows
