"""Answers from stored tokens against transformers' own `generate` from pixels, id for id."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from optimem.errors import FingerprintError, FormatError, InputError, MissingExtraError
from optimem.model.deepseek_ocr.answers import PageAnswer
from optimem.model.deepseek_ocr.generation import (
    GenerationSettings,
    NoRepeat,
    generate,
)
from optimem.model.deepseek_ocr.images import MODES, RGBImage, cut_views
from optimem.model.deepseek_ocr.prompts import BEGIN, MARKDOWN, ask
from optimem.model.deepseek_ocr.prompts import IMAGE_ID as PUBLISHED_IMAGE_ID
from optimem.model.deepseek_ocr.stored_tokens import Packing, StoredPage
from optimem.model.transformers_ocr.kinds import (
    KINDS,
    checkpoint_kind,
    kind_fingerprint,
    kind_of,
    own_settings,
    served_kind,
)
from optimem.model.transformers_ocr.reader import TransformersReader, views_of
from tests.model.transformers_ocr.small import IMAGE_ID, save_checkpoint

CPU = torch.device("cpu")
TOKENS = 60
PLAIN = GenerationSettings(TOKENS, no_repeat=None)


@pytest.fixture(scope="module", params=sorted(KINDS))
def reader(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> TransformersReader:
    return opened(request.param, tmp_path_factory.mktemp(request.param))


def opened(kind: str, folder: Path) -> TransformersReader:
    save_checkpoint(kind, folder)
    found = checkpoint_kind(folder)
    assert found is KINDS[kind]
    return TransformersReader.open_kind(folder, found, device=CPU, dtype=torch.float32)


def image(width: int, height: int, seed: int = 0) -> RGBImage:
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


def ids_from_tokens(reader: TransformersReader, pages: list[StoredPage], prompt: str) -> list[int]:
    given = [reader._embedded(pages, prompt)]
    return [token.id for token in generate(reader.model, given, PLAIN)]


def ids_from_pixels(
    reader: TransformersReader, images: list[RGBImage], pages: list[StoredPage], prompt: str
) -> list[int]:
    """What transformers generates itself, all in one go; of `pages` only the sizes are used."""
    own = reader.kind.modes[pages[0].mode]
    inner = reader.model.inner  # type: ignore[attr-defined]
    views = [cut_views(each, own, reader.kind.tiles) for each in images]
    ids, _ = reader.tokenizer.prompt(prompt, *(len(page.tokens) for page in pages))
    given: dict[str, Any] = {
        "input_ids": torch.tensor([[IMAGE_ID if i == PUBLISHED_IMAGE_ID else i for i in ids]]),
        "pixel_values": torch.stack([view.overview.permute(2, 0, 1) for view in views]),
    }
    tiles = [view.tiles.permute(0, 3, 1, 2) for view in views if view.tiles is not None]
    if tiles:
        given["pixel_values_local"] = torch.cat(tiles)
        given["num_local_patches"] = [len(each) for each in tiles]
        if reader.kind.name == "unlimited-ocr":
            given["patches_grid"] = [[v.across, len(v.tiles) // v.across] for v in views]  # type: ignore[arg-type]
    made = inner.generate(
        **given, max_new_tokens=TOKENS, do_sample=False, eos_token_id=1, pad_token_id=1
    )
    return [int(token) for token in made[0, len(ids) :]]


def said(answer: PageAnswer) -> tuple[str, ...]:
    return tuple(piece.text for piece in answer.pieces)


def test_answers_from_tokens_are_those_from_pixels(reader: TransformersReader) -> None:
    pages = reader.encode([image(300, 200)], MODES["small"])
    wanted = ids_from_pixels(reader, [image(300, 200)], pages, MARKDOWN)
    assert ids_from_tokens(reader, pages, MARKDOWN) == wanted
    assert len(set(wanted)) > 4


def test_answers_about_tiles_and_about_two_pages_are_those_from_pixels(
    reader: TransformersReader,
) -> None:
    wide = image(1300, 650)  # two tiles
    pages = reader.encode([wide], MODES["gundam"])
    assert pages[0].vision_tokens > 256
    wanted = ids_from_pixels(reader, [wide], pages, MARKDOWN)
    assert ids_from_tokens(reader, pages, MARKDOWN) == wanted
    two = [image(90, 60, 1), image(60, 90, 2)]
    prompt = ask("Which is wider?", 2)
    pages = reader.encode(two, MODES["small"])
    wanted = ids_from_pixels(reader, two, pages, prompt)
    assert ids_from_tokens(reader, pages, prompt) == wanted


def test_answers_together_are_those_alone(reader: TransformersReader) -> None:
    (page,) = reader.encode([image(80, 60)], MODES["small"])
    pages = [page, replace(page, tokens=page.tokens[:40])]
    alone = [reader.answer([page], settings=PLAIN)[0] for page in pages]
    assert list(map(said, reader.answer(pages, settings=PLAIN))) == list(map(said, alone))


def test_pages_are_stored_packed_and_only_their_model_reads_them(
    reader: TransformersReader, tmp_path: Path
) -> None:
    (page,) = reader.encode([image(80, 60)], MODES["small"])
    for packing in Packing:
        again = StoredPage.from_bytes(page.to_bytes(packing))
        error = (again.tokens.float() - page.tokens).square().mean() / page.tokens.square().mean()
        assert error.sqrt() < 0.15
        assert reader.answer([again], settings=GenerationSettings(5))
    other = opened(next(name for name in KINDS if KINDS[name] is not reader.kind), tmp_path)
    with pytest.raises(FingerprintError):
        other.answer([page])
    assert page.fingerprint.startswith(reader.kind.name)


@pytest.mark.parametrize(
    "size", [(80, 60), (768, 768), (769, 300), (1400, 900), (900, 1401), (2500, 500), (400, 3000)]
)
def test_views_are_those_of_transformers_own_processor(size: tuple[int, int]) -> None:
    """Pixel for pixel, for DeepSeek-OCR 2, whose processor needs no torchvision. Of an odd border
    it puts the smaller half first, where the published code rounds as PIL does."""
    from transformers.models.deepseek_ocr2.image_processing_pil_deepseek_ocr2 import (
        DeepseekOcr2ImageProcessorPil,
    )

    kind, given = KINDS["deepseek_ocr2"], image(*size)
    wanted = DeepseekOcr2ImageProcessorPil()(images=[given], return_tensors="pt")
    views = views_of(given, kind.modes["gundam"], kind.tiles)
    overview, shifts = views.overview.permute(2, 0, 1), ((0, 0), (-1, 0), (0, -1))
    moved = [overview.roll(shift, (1, 2)) for shift in shifts]
    assert any(torch.equal(each, wanted["pixel_values"][0]) for each in moved)
    if views.tiles is None:
        assert wanted["num_local_patches"][0] == 0
        return
    tiles = views.tiles.permute(0, 3, 1, 2)
    assert torch.equal(tiles, wanted["pixel_values_local"].reshape(tiles.shape))


def test_a_mode_that_a_checkpoint_lacks_is_refused(reader: TransformersReader) -> None:
    with pytest.raises(InputError, match=r"has no mode 'gundam-m'; choose one of"):
        reader.encode([image(80, 60)], MODES["gundam-m"])


def test_each_has_its_own_rule_against_repetition(reader: TransformersReader) -> None:
    kind = kind_of(reader.fingerprint)
    assert kind is reader.kind
    rule = NoRepeat(35, 128) if kind.name == "unlimited-ocr" else NoRepeat()
    assert own_settings(None, kind).no_repeat == rule
    assert own_settings(PLAIN, kind).no_repeat is None
    assert own_settings(GenerationSettings(7), kind) == GenerationSettings(7, no_repeat=rule)
    assert kind_of("deepseek-ocr-0123456789abcdef") is None
    assert own_settings(None, None) == GenerationSettings()


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_fingerprint_is_read_from_the_files_alone(name: str, tmp_path: Path) -> None:
    reader = opened(name, tmp_path)
    assert kind_fingerprint(tmp_path, KINDS[name]) == reader.fingerprint
    assert served_kind(tmp_path) is KINDS[name]
    (tmp_path / "config.json").write_text(f'{{"architectures": ["{KINDS[name].architecture}"]}}')
    assert (served_kind(tmp_path), checkpoint_kind(tmp_path)) == (KINDS[name], None)


def test_an_incomplete_checkpoint_and_another_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file, save_file

    save_checkpoint("deepseek_ocr2", tmp_path)
    kind = KINDS["deepseek_ocr2"]
    weights = load_file(tmp_path / "model.safetensors")
    lacking = next(name for name in sorted(weights) if "query_768" in name)
    save_file({n: t for n, t in weights.items() if n != lacking}, tmp_path / "model.safetensors")
    with pytest.raises(FormatError, match=r"lacks 1 of the model's tensors, such as .*query_768"):
        TransformersReader.open_kind(tmp_path, kind)
    (tmp_path / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(FormatError, match="cannot be loaded"):
        TransformersReader.open_kind(tmp_path, kind)
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"optimem\[transformers\]"):
        TransformersReader.open_kind(tmp_path, kind)
    for text in ("", "[]", '{"model_type": "llama"}', '{"model_type": ["x"]}'):
        (tmp_path / "config.json").write_text(text)
        assert checkpoint_kind(tmp_path) is None
    assert BEGIN == 0
