"""Images to stored tokens and those to answers, on the small random model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.peer import random_model
from optimem.errors import FingerprintError, FormatError, InputError
from optimem.model.deepseek_ocr.answers import AnswerPiece, PageAnswer
from optimem.model.deepseek_ocr.generation import FinishReason, GenerationSettings, NoRepeat
from optimem.model.deepseek_ocr.images import MODES
from optimem.model.deepseek_ocr.prompts import ask
from optimem.model.deepseek_ocr.reader import DeepSeekReader, settings_for
from optimem.model.deepseek_ocr.stored_tokens import Packing, StoredPage
from tests.model.deepseek_ocr.image_files import write_image, write_pdf
from tests.model.deepseek_ocr.small import SMALL

BRIEF = GenerationSettings(limit=12)


def image(width: int = 700, height: int = 500) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("name", ["tiny", "gundam"])
def test_stored_tokens_answer_as_the_image_does(reader: DeepSeekReader, name: str) -> None:
    (page,) = reader.encode([image()], MODES[name])
    again = StoredPage.from_bytes(page.to_bytes(Packing.BF16))
    assert (again.mode, again.width, again.height) == (name, 700, 500)
    positions = MODES[name].positions(3, 2) if MODES[name].tile else MODES[name].positions()
    assert again.tokens.shape == (positions, SMALL.decoder.width)
    (now,), (later,) = (reader.answer([p], settings=BRIEF) for p in (page, again))
    assert now.text == later.text
    assert now.finish in (FinishReason.LIMIT, FinishReason.END)


def test_pages_of_different_modes_are_answered_together(reader: DeepSeekReader) -> None:
    pages = [reader.encode([image()], MODES[name])[0] for name in ("tiny", "small")]
    together = reader.answer(pages, settings=BRIEF)
    alone = [reader.answer([page], settings=BRIEF)[0] for page in pages]
    assert [answer.text for answer in together] == [answer.text for answer in alone]


def test_one_question_about_several_pages(reader: DeepSeekReader) -> None:
    pages = [reader.encode([image(*size)], MODES["tiny"])[0] for size in ((700, 500), (300, 400))]
    answer = reader.answer_together(pages, ask("Same?", 2), BRIEF)
    assert (answer.width, answer.height) == (700, 500)
    (alone,) = reader.answer(pages[:1], ask("Same?"), BRIEF)
    assert reader.answer_together(pages[:1], ask("Same?"), BRIEF) == alone
    swapped = reader.answer_together(pages[::-1], ask("Same?", 2), BRIEF)
    assert answer.pieces != alone.pieces
    assert answer.pieces != swapped.pieces
    with pytest.raises(InputError, match="about 2 images needs <image> as often"):
        reader.answer_together(pages, ask("Same?"), BRIEF)


def test_streamed_pieces_are_the_answer(reader: DeepSeekReader) -> None:
    (page,) = reader.encode([image()], MODES["tiny"])
    (answer,) = reader.answer([page], settings=BRIEF)
    assert tuple(reader.stream(page, settings=BRIEF)) == answer.pieces
    assert all(0 < piece.probability <= 1 for piece in answer.pieces)


def test_an_answer_that_goes_round_is_asked_again_larger(
    reader: DeepSeekReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []

    def looping(pages: list[StoredPage], *_: object) -> list[PageAnswer]:
        modes.append(pages[0].mode)
        return [PageAnswer((), pages[0].mode, FinishReason.LOOP, 1, 1)]

    monkeypatch.setattr(reader, "answer", looping)
    answer = reader.read(image(), mode="tiny")
    assert modes == ["tiny", "small"]
    assert not answer.complete


def test_pages_of_a_pdf_have_the_published_ban(tmp_path: Path) -> None:
    pdf, scan = write_pdf(tmp_path / "p.pdf", 1), write_image(tmp_path / "p.png")
    assert settings_for(pdf).no_repeat == NoRepeat(20, 50)
    assert settings_for(scan, 7) == GenerationSettings(7, no_repeat=NoRepeat(30, 90))


def test_uncertain_pieces_are_marked() -> None:
    answer = PageAnswer(
        (AnswerPiece("sure ", 0.9), AnswerPiece("not", 0.2)), "tiny", FinishReason.END, 1, 1
    )
    assert answer.marked(0.5) == "sure ⟦not⟧"
    assert answer.complete


def test_tokens_of_another_encoder_are_refused(reader: DeepSeekReader) -> None:
    other = DeepSeekReader(random_model(SMALL, seed=5), reader.tokenizer)
    (page,) = other.encode([image()], MODES["tiny"])
    with pytest.raises(FingerprintError, match="model that wrote them"):
        reader.answer([page])


def test_tokens_of_another_width_are_refused(reader: DeepSeekReader) -> None:
    (page,) = reader.encode([image()], MODES["tiny"])
    forged = replace(page, tokens=page.tokens[:, :-1])
    with pytest.raises(FormatError, match="63 dimensions are not this model's, which have 64"):
        reader.answer([forged])


def test_the_probability_of_an_answer_is_the_mean_over_its_pieces() -> None:
    pieces = (AnswerPiece("a", 0.9), AnswerPiece("b", 0.5))
    assert PageAnswer(pieces, "tiny", FinishReason.END, 1, 1).probability == pytest.approx(0.7)
    assert PageAnswer((), "tiny", FinishReason.END, 1, 1).probability == 0
