"""Text pages of DeepSeek-OCR, on the small random model, and on one that was taught a page."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from optimem import OpticalMemory, build
from optimem.api.memory_handle import DEEPSEEK_WRITE_ERROR
from optimem.build import named_codec
from optimem.errors import ChecksumError, FingerprintError, InputError
from optimem.memory.decay import DecayPolicy
from optimem.model.deepseek_ocr.generation import END
from optimem.model.deepseek_ocr.prompts import FREE_OCR
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.model.deepseek_ocr.stored_tokens import Packing, StoredPage
from optimem.model.deepseek_ocr.text_pages import DeepSeekPages
from optimem.protocols import PageCodec, VisionTokens
from optimem.renderers.ruled import RuledRenderer
from optimem.tiers import Tier
from optimem.turns import Turn

RENDERER = RuledRenderer()
SAID = "Staging listens on port 6543,\nand the invoice is in folder B-17."
CELLS = RENDERER.cells(SAID, "user")
STEPS = 60


def teach(reader: DeepSeekReader, tokens: VisionTokens, answer: str) -> DeepSeekReader:
    """A copy of a model whose decoder says `answer` when it reads a page."""
    taught = DeepSeekReader(copy.deepcopy(reader.model), reader.tokenizer)
    page = DeepSeekPages(lambda: taught).unpack(tokens)[0]
    model, prompt = taught.model, taught.tokenizer.prompt(FREE_OCR, len(page.tokens))
    said = [*taught.tokenizer.prompt(f"<image>{answer}", 0).ids[1:], END]
    ((at, count),) = prompt.images
    ids = [*prompt.ids[:at], *prompt.ids[at + count :], *said[:-1]]
    trained = [*model.decoder.parameters(), *model.lm_head.parameters()]
    for parameter in trained:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(trained, lr=5e-3)
    for _ in range(STEPS):
        words = model.embed_tokens(torch.tensor(ids)).detach()
        embedded = torch.cat((words[:at], page.tokens, words[at:]))[None]
        loss = F.cross_entropy(model(embedded)[0, -len(said) :], torch.tensor(said))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    model.requires_grad_(False)
    return taught


@pytest.fixture(scope="module")
def taught(reader: DeepSeekReader) -> DeepSeekReader:
    (tokens,) = DeepSeekPages(lambda: reader).encode([RENDERER.page(CELLS)], Tier.TINY)
    return teach(reader, tokens, f"User: {SAID}")


def nano_codec(reader: DeepSeekReader) -> PageCodec:
    pages = DeepSeekPages(lambda: reader)
    return PageCodec(RENDERER, pages, pages)


def test_what_the_model_says_is_laid_into_the_cells(taught: DeepSeekReader) -> None:
    pages = DeepSeekPages(lambda: taught)
    (tokens,) = pages.encode([RENDERER.page(CELLS)], Tier.TINY)
    (read,) = pages.read([tokens])
    assert np.array_equal(read.ids, CELLS)
    assert read.probability.min() > 0.5
    assert RENDERER.text(read).text == SAID


def test_a_memory_is_read_from_its_vision_tokens(taught: DeepSeekReader, tmp_path: Path) -> None:
    store, policy = tmp_path / "memory.db", DecayPolicy(large=0, base=0, small=0)
    with OpticalMemory.open(store, codec=nano_codec(taught), policy=policy) as memory:
        memory.append("s", Turn(text=SAID, id="port", role="user"))
        memory.flush("s")
        assert memory.stats("s").pages_by_tier == {"tiny": 1}
    with OpticalMemory.open(store, codec=nano_codec(taught)) as again:
        (found,) = again.recall("s", "which port does staging use?")
        assert (found.id, found.text, found.exact) == ("port", SAID, True)
        assert found.parts[0].boxes


def test_a_page_that_the_model_cannot_read_stays_text(reader: DeepSeekReader) -> None:
    with OpticalMemory.open(":memory:", codec=nano_codec(reader)) as memory:
        memory.append("s", [Turn(text="short", id="a"), Turn(text="words", id="b")])
        memory.flush("s")
        assert memory.stats("s").pages_by_tier == {"text": 1}
        assert [turn.text for turn in memory.reconstruct("s")] == ["short", "words"]
        memory.forget("s", turn="a")
        assert [turn.text for turn in memory.reconstruct("s")] == ["words"]


@pytest.mark.parametrize("tier", [Tier.TINY, Tier.TRACE])
def test_what_is_stored_is_the_mode_of_the_tier(reader: DeepSeekReader, tier: Tier) -> None:
    pages = DeepSeekPages(lambda: reader, Packing.INT4)
    (tokens,) = pages.encode([RENDERER.page(CELLS)], tier)
    stored, rules = pages.unpack(tokens)
    assert stored.vision_tokens == tier.tokens
    assert len(stored.tokens) == tier.positions
    assert [rule.length for rule in rules] == [len(line) for line in SAID.split("\n")]
    assert isinstance(stored, StoredPage)
    (read,) = pages.read([tokens])
    assert len(read.ids) == len(CELLS)


def test_foreign_and_damaged_tokens_are_named(reader: DeepSeekReader) -> None:
    pages = DeepSeekPages(lambda: reader)
    (tokens,) = pages.encode([RENDERER.page(CELLS)], Tier.TINY)
    with pytest.raises(FingerprintError, match="'nano-1'"):
        pages.read([replace(tokens, fingerprint="nano-1")])
    flipped = bytearray(tokens.data)
    flipped[len(flipped) // 2] ^= 1
    with pytest.raises(ChecksumError, match="damaged"):
        pages.read([replace(tokens, data=bytes(flipped))])
    with pytest.raises(ChecksumError):
        pages.read([replace(tokens, data=tokens.data[:40])])


def test_a_memory_opens_a_model_by_name_and_loads_it_late(
    reader: DeepSeekReader, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    monkeypatch.setattr(build, "deepseek_reader", lambda name: loaded.append(name) or reader)
    with OpticalMemory.open(":memory:", model=str(folder)) as memory:
        memory.append("s", "A turn.")
        assert not loaded
        assert memory.policy.write_error == DEEPSEEK_WRITE_ERROR
        assert memory.images is not None
        memory.flush("s")
        assert loaded == [str(folder)]


@pytest.mark.parametrize("name", ["gpt-9", "", "no/such/folder", "../weights.bin"])
def test_an_unknown_model_is_named(name: str) -> None:
    with pytest.raises(InputError, match="no model is called"):
        named_codec(name)
    with pytest.raises(InputError, match="no model is called"):
        OpticalMemory.open(":memory:", model=name)


def test_a_reader_and_a_model_are_one_too_many(reader: DeepSeekReader, folder: Path) -> None:
    with pytest.raises(InputError, match="give one"):
        OpticalMemory.open(":memory:", model=str(folder), codec=nano_codec(reader))
