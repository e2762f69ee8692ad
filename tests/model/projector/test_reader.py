"""Stored pages asked in this process."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from optimem.errors import ChecksumError, FingerprintError, InputError, TierError
from optimem.model.projector.chat_model import ChatModel
from optimem.model.projector.pages import PageProjector
from optimem.model.projector.reader import ProjectedReader
from optimem.tiers import Tier
from tests.model.projector.conftest import CPU
from tests.model.projector.small import WIDTH, stored_page, write_chat_model

QUESTION = "Which key?"


def test_pages_are_asked_in_order(folder: Path, projector: Path, llm: ChatModel) -> None:
    page, other = stored_page(characters=40).tokens, stored_page(characters=70).tokens
    reader = ProjectedReader.open(projector, folder, device=CPU)
    pages = PageProjector.open(projector, CPU)
    vectors = pages.vectors([page, other])
    assert vectors.shape == (5 + 9, WIDTH)
    assert torch.allclose(vectors[:5], pages.vectors([page]), atol=1e-5)
    answer = reader.ask([page, other], QUESTION, limit=8)
    prompt = llm.prompt(vectors, QUESTION)
    assert answer.ids == ChatModel.open(folder, CPU).generate([prompt], 8)[0]
    assert answer.complete == (len(answer.ids) < 8)
    assert answer != reader.ask([other, page], QUESTION, limit=8)


def test_what_does_not_fit_is_refused(folder: Path, projector: Path, tmp_path: Path) -> None:
    reader, page = ProjectedReader.open(projector, folder, device=CPU), stored_page(characters=40)
    tokens = page.tokens
    for changed, error in (
        (replace(tokens, fingerprint="nano-0"), FingerprintError),
        (replace(tokens, tier=Tier.LARGE), TierError),
        (replace(tokens, data=tokens.data[:-4]), ChecksumError),
        (replace(tokens, cells=0), InputError),
    ):
        with pytest.raises(error):
            reader.ask([changed], QUESTION)
    for pages, question, limit in (([], QUESTION, 8), ([tokens], " ", 8), ([tokens], QUESTION, 0),
                                   ([tokens], QUESTION, 5000)):  # fmt: skip
        with pytest.raises(InputError):
            reader.ask(pages, question, limit=limit)
    write_chat_model(tmp_path, seed=1)
    with pytest.raises(FingerprintError, match="trained for the embeddings"):
        ProjectedReader.open(projector, tmp_path, device=CPU)
