"""A real vLLM server: its greedy tokens are our own, its pages come from its cache, and what the
client takes for granted of it holds."""

import asyncio
import base64
import io
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import httpx2
import pytest
import torch
from PIL import Image

from benchmarks.vllm.server import VllmServer
from optimem.errors import FingerprintError, InputError
from optimem.model.deepseek_ocr.alignment import outline_rows
from optimem.model.deepseek_ocr.answers import PageAnswer
from optimem.model.deepseek_ocr.generation import FinishReason, GenerationSettings, NoRepeat
from optimem.model.deepseek_ocr.image_reader import DeepSeekImageReader
from optimem.model.deepseek_ocr.images import MODES
from optimem.model.deepseek_ocr.prompts import FREE_OCR, ask
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.model.deepseek_ocr.stored_tokens import Packing, StoredPage
from optimem.model.deepseek_ocr.text_pages import DeepSeekPages, pack_ruled_page, stored_page
from optimem.model.vllm.reader import VllmReader
from optimem.model.vllm.vectors import as_sent
from optimem.protocols import VisionTokens
from optimem.renderers.ruled import RULED_VERSION, RuledRenderer
from optimem.tiers import Tier

SHORT = GenerationSettings(limit=40)


@pytest.fixture(scope="module")
def reader(vllm: VllmServer) -> VllmReader:
    return VllmReader.at(f"vllm+{vllm.url}")


def page_of(here: DeepSeekReader, mode: str = "tiny", packing: Packing = Packing.INT8,
            seed: int = 0) -> StoredPage:  # fmt: skip
    """A stored page, with the values that a server gets."""
    torch.manual_seed(seed)
    noise = torch.randint(0, 256, (48, 64, 3), dtype=torch.uint8)
    image = Image.fromarray(noise.numpy()).resize((640, 480))
    (page,) = here.encode([image], MODES[mode])
    stored = StoredPage.from_bytes(page.to_bytes(packing))
    return replace(stored, tokens=as_sent(stored.tokens).float())


def same(ours: PageAnswer, theirs: PageAnswer) -> bool:
    """Whether two answers are one, to rounding. A token is a character here; a busy server may
    send several at once, with the probability of the least likely."""
    if (ours.text, ours.finish) != (theirs.text, theirs.finish):
        return False
    likely = iter([piece.probability for piece in ours.pieces])
    return all(
        abs(piece.probability - min(islice(likely, len(piece.text)))) < 1e-4
        for piece in theirs.pieces
    )


@pytest.mark.parametrize(("mode", "packing"), [("tiny", Packing.INT4), ("small", Packing.INT8)])
def test_a_page_is_answered_as_here(
    here: DeepSeekReader, reader: VllmReader, mode: str, packing: Packing
) -> None:
    page = page_of(here, mode, packing)
    (ours,) = here.answer([page], FREE_OCR, SHORT)
    (theirs,) = reader.answer([page], FREE_OCR, SHORT)
    assert same(ours, theirs)
    assert theirs.finish is FinishReason.LIMIT


def test_pages_are_answered_together_as_here(here: DeepSeekReader, reader: VllmReader) -> None:
    pages = [page_of(here, seed=at) for at in range(3)]
    question = ask("What changed?", 3)
    ours = here.answer_together(pages, question, SHORT)
    assert same(ours, reader.answer_together(pages, question, SHORT))
    assert ours.text != here.answer_together(pages[::-1], question, SHORT).text


def test_many_at_once_and_streamed(here: DeepSeekReader, reader: VllmReader) -> None:
    pages = [page_of(here, seed=at) for at in range(6)]
    ours = here.answer(pages, FREE_OCR, SHORT)
    theirs = reader.answer(pages, FREE_OCR, SHORT)
    streamed = [stream.finish() for stream in reader.streams(pages, FREE_OCR, SHORT)]
    assert all(map(same, ours, theirs))
    assert all(map(same, ours, streamed))


async def test_the_async_twin(here: DeepSeekReader, reader: VllmReader) -> None:
    page = page_of(here)
    stream = reader.astream(page, FREE_OCR, SHORT)
    pieces = [piece async for piece in stream]
    (whole,) = await reader.aanswer([page], FREE_OCR, SHORT)
    assert "".join(piece.text for piece in pieces) == whole.text == stream.answer.text
    assert same(whole, await asyncio.to_thread(lambda: reader.answer([page], FREE_OCR, SHORT)[0]))


def test_a_ban_is_kept_to(here: DeepSeekReader, reader: VllmReader) -> None:
    page = page_of(here)
    strict = GenerationSettings(limit=40, no_repeat=NoRepeat(2, 40))
    (ours,) = here.answer([page], FREE_OCR, strict)
    (theirs,) = reader.answer([page], FREE_OCR, strict)
    assert reader.served.bans
    assert same(ours, theirs)
    assert ours.text != here.answer([page], FREE_OCR, SHORT)[0].text


def test_what_the_server_tells(checkpoint: Path, here: DeepSeekReader, reader: VllmReader) -> None:
    served = reader.served
    assert (served.width, served.bans, served.positions) == (1280, True, 4096)
    assert served.fingerprint == here.fingerprint
    assert served.version.startswith("0.")


def test_another_checkpoint_is_refused(here: DeepSeekReader, reader: VllmReader) -> None:
    page = replace(page_of(here), fingerprint="deepseek-ocr-0000000000000000")
    with pytest.raises(FingerprintError, match=here.fingerprint):
        reader.answer([page], FREE_OCR, SHORT)


def test_a_prompt_too_long_is_named(here: DeepSeekReader, reader: VllmReader) -> None:
    page = page_of(here)
    with pytest.raises(InputError, match="leaves no room"):
        reader.answer_together([page] * 60, ask("?", 60), SHORT)
    with pytest.raises(InputError, match="refuses the request"):
        reader.answer([page], ask("x" * 5000), SHORT)


def test_a_page_asked_again_comes_from_the_cache(
    vllm: VllmServer, here: DeepSeekReader, reader: VllmReader
) -> None:
    def hits() -> float:
        lines = httpx2.get(f"{vllm.url}/metrics").text.splitlines()
        found = [ln for ln in lines if ln.startswith("vllm:prefix_cache_hits_total")]
        return sum(float(line.split()[-1]) for line in found)

    page = page_of(here, "small", seed=9)
    counts = [hits()]
    for each, question in ((reader, "one?"), (reader, "two?"), (reader.salted("ann"), "three?")):
        each.answer([page], ask(question), GenerationSettings(limit=1))
        counts.append(hits())
    first, second, salted = (b - a for a, b in pairwise(counts))
    assert (first, second, salted) == (0, 96, 0)


def test_nothing_vllm_would_answer_wrongly_is_sent(vllm: VllmServer, here: DeepSeekReader) -> None:
    """Why the client checks: the server answers NaN with 200 and the first token over and over,
    unless it is asked for probabilities."""
    file = io.BytesIO()
    torch.save(torch.full((4, 1280), torch.nan), file)
    part = {"type": "prompt_embeds", "data": base64.b64encode(file.getvalue()).decode()}
    body = {"model": here.fingerprint, "max_tokens": 3, "temperature": 0, "return_token_ids": True,
            "messages": [{"role": "user", "content": [part]}]}  # fmt: skip
    answered = httpx2.post(f"{vllm.url}/v1/chat/completions", json=body, timeout=60)
    assert answered.status_code == 200
    assert answered.json()["choices"][0]["token_ids"] == [0, 0, 0]


def no_checkpoint() -> DeepSeekReader:
    raise AssertionError("the checkpoint was loaded")


def test_a_memory_asks_images_and_text_pages_alike(
    here: DeepSeekReader, reader: VllmReader
) -> None:
    image, text = page_of(here), page_of(here, seed=1)
    asked = DeepSeekImageReader(no_checkpoint, settings=SHORT, answers=lambda: reader)
    stored = [image.to_bytes(Packing.BF16), pack_ruled_page(text, [], "bf16")]
    assert all(map(asked.takes, stored))
    assert not asked.takes(b"OMEM")
    said = asked.ask(stored, "What changed?", "salt")
    pages = [StoredPage.from_bytes(stored[0]), stored_page(stored[1])]
    ours = here.answer_together(pages, ask("What changed?", 2), SHORT)
    assert said.text == ours.grounded.text
    assert said.probability == pytest.approx(ours.probability, abs=0.1)  # of coarser pieces


def test_a_memory_reads_text_pages_without_the_checkpoint(
    here: DeepSeekReader, reader: VllmReader
) -> None:
    cells = RuledRenderer().cells("a short line")
    tokens = VisionTokens(
        Tier.TINY,
        len(cells),
        f"{here.fingerprint}-{RULED_VERSION}",
        pack_ruled_page(page_of(here), outline_rows(cells), "bf16"),
    )
    (ours,) = DeepSeekPages(lambda: here).read([tokens])
    (theirs,) = DeepSeekPages(no_checkpoint, answers=lambda: reader).read([tokens])
    assert theirs.ids.tolist() == ours.ids.tolist()


def test_pages_that_the_server_could_not_read_are_not_written(reader: VllmReader) -> None:
    class Other:
        fingerprint = "deepseek-ocr-0000000000000000"

    pages = DeepSeekPages(lambda: Other(), answers=lambda: reader)  # type: ignore[arg-type, return-value]
    with pytest.raises(FingerprintError, match="the pages that are to be written"):
        _ = pages.reader
