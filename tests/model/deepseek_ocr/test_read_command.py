"""`optimem read --model`, with the small random model in the large one's place."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from optimem import build
from optimem.cli.files import read
from optimem.model.deepseek_ocr.generation import FinishReason
from optimem.model.deepseek_ocr.reader import AnswerPiece, DeepSeekReader, PageAnswer


@pytest.fixture
def image(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "p.jpg")
    return tmp_path / "p.jpg"


def test_a_picture_is_read_by_the_model(
    reader: DeepSeekReader, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def look(page: Image.Image, prompt: str, mode: str) -> PageAnswer:
        asked.append((page.size, prompt, mode))
        pieces = (AnswerPiece("# Tit", 0.9), AnswerPiece("le", 0.2))
        return PageAnswer(pieces, mode, FinishReason.LIMIT, *page.size)

    monkeypatch.setattr(build, "deepseek_reader", lambda model: reader)
    monkeypatch.setattr(reader, "read", look)
    done = CliRunner().invoke(read, [str(image), "--model", "x", "--confidence"])
    assert done.output.splitlines() == ["# Tit⟦le⟧", "page 1 is incomplete: limit"]
    CliRunner().invoke(read, [str(image), "--model", "x", "--ask", "Sum?"])
    assert asked[0][0] == (80, 60)
    assert "markdown" in asked[0][1]
    assert asked[1][1] == "<image>\nSum?"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--model", "x", "--mode", "huge"], "no mode is called 'huge'"),
        (["--model", "x"], "there is no folder x"),
        (["--ask", "What?"], "--ask needs --model"),
        (["--model", "x", "--page", "3"], "there is no page 3"),
    ],
)
def test_what_cannot_be_read_is_named(image: Path, more: list[str], message: str) -> None:
    done = CliRunner().invoke(read, [str(image), *more])
    assert done.exit_code != 0
    assert message in done.output + str(done.exception)
