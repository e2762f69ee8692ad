"""A run: it learns one page by heart, goes on where it stopped, and refuses what is not its own."""

import json
from pathlib import Path

import pytest
import torch

from optimem.build import nano
from optimem.errors import ResumeError
from optimem.model.projector.chat_model import ChatModel
from optimem.model.projector.network import Projector, ProjectorConfig, cut_windows
from optimem.model.projector.reader import ProjectedReader
from optimem.model.projector.weights import ProjectorFile, TrainedFor
from optimem.training import CHECKPOINT, LOG
from optimem.training.projector.stretches import learn_pages
from optimem.training.projector.tasks import REPEAT, aims_of
from optimem.training.projector.trainer import PROJECTOR, Plan, ProjectorTrainer
from tests.model.projector.conftest import CPU, folder, llm
from tests.model.projector.small import TEXT, WIDTH, stored_page, token_file

__all__ = ["folder", "llm"]  # fixtures
CHARACTERS = 32


def trainer(run: Path, llm: ChatModel, plan: Plan, margin: int = 4) -> ProjectorTrainer:
    page = stored_page(characters=CHARACTERS)
    torch.manual_seed(0)
    config = ProjectorConfig(features=64, width=WIDTH, cells=4, margin=margin, hidden=128)
    known = TrainedFor(page.tokens.fingerprint, page.tokens.tier, llm.fingerprint)
    file = ProjectorFile(Projector(config, llm.size), known)
    pages = learn_pages(token_file(page), nano())
    run.mkdir(exist_ok=True)
    return ProjectorTrainer(run, file, llm, pages, plan, lr=1e-1)


def test_a_page_is_learned_by_heart_and_read_back(
    tmp_path: Path, folder: Path, llm: ChatModel
) -> None:
    trainer(tmp_path, llm, Plan(steps=160, fitting=10, batch=1, fitted=2)).train(save_every=1000)
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(10, 161, 10))
    assert "fit" in lines[0]
    assert lines[-1]["repeat"] < 0.5 < 2 < lines[1]["repeat"]
    reader = ProjectedReader.open(tmp_path / PROJECTOR, folder, device=CPU)
    answer = reader.ask([stored_page(characters=CHARACTERS).tokens], REPEAT, limit=60)
    assert answer.text.startswith(TEXT[: CHARACTERS - 2])  # how it ends depends on the machine


def test_a_run_goes_on_as_if_it_had_not_stopped(tmp_path: Path, llm: ChatModel) -> None:
    plan = Plan(steps=6, fitting=3, batch=1, fitted=2)
    whole = trainer(tmp_path / "whole", llm, plan)
    whole.train(save_every=1000)
    parts = tmp_path / "parts"
    for _ in range(20):
        part = trainer(parts, llm, plan)
        assert part.resume() == (parts / CHECKPOINT).exists()
        part.train(save_every=1000, minutes=0)
        if part.step == plan.steps:
            break
    assert part.step == 6
    for name, value in whole.projector.state_dict().items():
        assert torch.allclose(value, part.projector.state_dict()[name], atol=1e-5), name


def test_the_run_of_another_projector_is_refused(tmp_path: Path, llm: ChatModel) -> None:
    plan = Plan(steps=1, fitting=1, batch=1, fitted=1)
    trainer(tmp_path, llm, plan).train(save_every=1)
    with pytest.raises(ResumeError, match="another --run"):
        trainer(tmp_path, llm, plan, margin=8).resume()


def test_fitting_aims_at_the_tokens_on_the_cells(llm: ChatModel) -> None:
    (page,) = learn_pages(token_file(stored_page(characters=10)), nano())
    config = ProjectorConfig(features=64, width=WIDTH, cells=4)
    stretch = page.stretch(0, 10, 0)
    aims = aims_of(stretch, config, llm)
    assert len(aims) == len(cut_windows(stretch.features, config)) == 3
    for aim, text in zip(aims, ("The ", "key ", "of"), strict=True):
        mean = llm.embed(text).float().mean(0)
        assert torch.cosine_similarity(aim, mean, dim=0) > 0.9999
    assert torch.allclose(aims.pow(2).mean(1).sqrt(), torch.full((3,), llm.size), atol=1e-3)
