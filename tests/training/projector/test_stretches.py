"""Stored pages as a projector sees them: text and cells belong together."""

from pathlib import Path

import numpy as np
import pytest

from optimem.build import nano
from optimem.errors import InputError, SampleError
from optimem.tiers import Tier
from optimem.training.projector.stretches import learn_pages, read_sources, store_pages
from tests.model.projector.small import TEXT, stored_page, token_file


def test_a_stretch_has_the_text_of_its_cells() -> None:
    (page,) = learn_pages(token_file(stored_page(characters=70)), nano())
    stretch = page.stretch(4, 10, following=3)
    assert stretch.text == TEXT[4:14]
    assert stretch.follows == TEXT[14:17]
    assert stretch.cells.tolist() == list(range(11))
    assert stretch.features.shape == (10, 64)
    assert stretch.stored_bytes == pytest.approx(page.stored_bytes / 7)
    beyond = page.stretch(60, 100, following=3)
    assert (beyond.text, beyond.follows, len(beyond.features)) == (TEXT[60:70], "", 10)


def test_pages_are_filled_from_files(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("".join(f"{number} 漢 " for number in range(4000)))
    sources = read_sources([f"{path}=2"])
    assert sources[0].weight == 2
    file = store_pages(sources, 1, nano(), Tier.TRACE, np.random.default_rng(0))
    (page,) = learn_pages(file, nano())
    assert page.reading.text in sources[0].text
    stretch = page.stretch(100, 50, 0)
    assert stretch.cells[-1] == 50
    assert (np.diff(stretch.cells) > 1).any()  # the sign is spelled in several cells
    for weight in ("x", "0", "-1", "nan", "inf"):
        with pytest.raises(InputError, match="is no weight of a file"):
            read_sources([f"{path}={weight}"])
    path.write_text("short")
    with pytest.raises(SampleError, match="does not fill a page"):
        store_pages(read_sources([str(path)]), 1, nano(), Tier.TRACE, np.random.default_rng(0))
