"""Stored tokens are enough: images to bytes, bytes to answers, on the small random model."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.peer import random_model
from optimem.errors import ChecksumError, FingerprintError, FormatError, InputError
from optimem.model.deepseek_ocr.checkpoint import checkpoint_folder, load_checkpoint
from optimem.model.deepseek_ocr.generation import FinishReason, GenerationSettings
from optimem.model.deepseek_ocr.images import MODES
from optimem.model.deepseek_ocr.reader import AnswerPiece, DeepSeekReader, PageAnswer
from optimem.model.deepseek_ocr.stored_tokens import Packing, StoredPage, pack_tokens, unpack_tokens
from tests.model.deepseek_ocr.small import SMALL, write_tokenizer

BRIEF = GenerationSettings(limit=12)


def image(width: int = 700, height: int = 500) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("name", ["tiny", "gundam"])
def test_stored_tokens_answer_as_the_picture_does(reader: DeepSeekReader, name: str) -> None:
    (page,) = reader.encode([image()], MODES[name])
    again = StoredPage.from_bytes(page.to_bytes(Packing.BF16))
    assert (again.mode, again.width, again.height) == (name, 700, 500)
    positions = MODES[name].positions(3, 2) if MODES[name].tile else MODES[name].positions()
    assert again.tokens.shape == (positions, SMALL.decoder.width)
    (now,), (later,) = (reader.answer([p], settings=BRIEF) for p in (page, again))
    assert now.text == later.text
    assert now.finish in (FinishReason.LIMIT, FinishReason.END)


@pytest.mark.parametrize(
    ("packing", "worst"), [(Packing.BF16, 0.004), (Packing.INT8, 0.02), (Packing.INT4, 0.2)]
)
def test_packing_costs_what_it_says(packing: Packing, worst: float) -> None:
    tokens = torch.randn(30, 128, generator=torch.Generator().manual_seed(1))
    packed = pack_tokens(tokens, packing)
    found = unpack_tokens(packed, packing, 30, 128).float()
    assert (found - tokens).norm() / tokens.norm() < worst
    bits = {"bf16": 16, "int8": 8, "int4": 4}[packing]
    assert len(packed[0]) * 8 == 30 * 128 * bits


def test_pages_of_different_modes_are_answered_together(reader: DeepSeekReader) -> None:
    pages = [reader.encode([image()], MODES[name])[0] for name in ("tiny", "small")]
    together = reader.answer(pages, settings=BRIEF)
    alone = [reader.answer([page], settings=BRIEF)[0] for page in pages]
    assert [answer.text for answer in together] == [answer.text for answer in alone]


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


def test_damaged_pages_are_named(reader: DeepSeekReader) -> None:
    (page,) = reader.encode([image()], MODES["tiny"])
    data = bytearray(page.to_bytes())
    for broken in (data[:-1], data[:40], data[:100] + b"\0" + data[101:], b""):
        with pytest.raises(ChecksumError):
            StoredPage.from_bytes(bytes(broken))


def test_a_checkpoint_that_does_not_fit_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"this is another model or size"):
        load_checkpoint(folder)  # the published sizes
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:5000])
    with pytest.raises(FormatError, match="not a complete safetensors file"):
        load_checkpoint(tmp_path, config=SMALL)
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    tensors["extra"] = tensors.pop("model.norm.weight")
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(FormatError, match=r"1 tensors are missing \(model.norm.weight\), 1 are"):
        load_checkpoint(tmp_path, config=SMALL)


def test_places_without_a_checkpoint_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        checkpoint_folder(tmp_path / "none")
    with pytest.raises(InputError, match="holds no tokenizer"):
        checkpoint_folder(tmp_path)
    write_tokenizer(tmp_path)
    assert checkpoint_folder(tmp_path) == tmp_path
    with pytest.raises(InputError, match=r"no \.safetensors file"):
        load_checkpoint(tmp_path)
