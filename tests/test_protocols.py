"""The values that cross the seams."""

import numpy as np
import pytest

from optimem import build
from optimem.errors import FingerprintError
from optimem.protocols import ReadCells, Reading, check_fingerprint


def test_characters_below_a_probability_are_marked() -> None:
    probability = np.array([0.9, 0.5, 0.49, 1.0], np.float32)
    reading = Reading("port", probability, np.arange(4))
    assert reading.marked(0.5) == "po\ufffdt"
    assert reading.marked(0.0) == "port"
    assert reading.marked(1.1) == "\ufffd" * 4
    assert Reading("", np.zeros(0, np.float32), np.zeros(0, np.int64)).marked(0.5) == ""


def test_tokens_of_another_encoder_are_named_with_both() -> None:
    check_fingerprint("a", "a")
    with pytest.raises(FingerprintError, match=r"by 'a', the model here is 'b'; .*--model"):
        check_fingerprint("a", "b")
    with pytest.raises(FingerprintError, match=r"^notes\.omem were written by"):
        check_fingerprint("a", "b", "notes.omem")


@pytest.mark.parametrize("text", ["Port 6543.", "naïve – “quoted”\n\ttab", "日本語 👩‍👩‍👧"])
def test_the_shipped_renderer_keeps_the_contract_of_cells(text: str) -> None:
    """Text to cells and back is lossless, and each character knows its first cell."""
    renderer = build.nano_codec().renderer
    cells = renderer.cells(text, "user")
    reading = renderer.text(ReadCells(cells, np.ones(len(cells), np.float32)))
    assert reading.text == text
    assert len(reading.probability) == len(reading.cell) == len(text)
    assert (np.diff(reading.cell) >= 0).all()
    assert renderer.split(cells, len(cells)) == len(cells)
