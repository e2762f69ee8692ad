"""What one step consists of: a prompt about a stretch and what the chat model should answer.

Three tasks: repeat the text, continue it, answer a question about it. And, before the chat model
takes part, fitting: each soft token should be the mean of the embeddings of the text's tokens that
its cells show, which costs no pass through the model. Knows no optimiser.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from optimem.model.projector.chat_model import ChatModel, Row
from optimem.model.projector.network import Projector, ProjectorConfig, cut_windows
from optimem.training.projector.questions import make_question
from optimem.training.projector.stretches import LearnedPage, Stretch

REPEAT = "Repeat the text above word for word."
CONTINUE = "Continue the text above."
CELLS = (64, 384)
"""The shortest and the longest stretch."""
FOLLOWING = 160
"""Characters to continue."""
SHARES = {"repeat": 0.5, "continue": 0.2, "answer": 0.3}
"""How often each task is given."""


class Example(NamedTuple):
    """A stretch, what is asked about it, and the answer; `ends`: the answer is complete."""

    task: str
    stretch: Stretch
    prompt: str
    answer: str
    ends: bool


def draw_example(
    pages: Sequence[LearnedPage], rng: np.random.Generator, longest: int = CELLS[1]
) -> Example:
    """A task about a random stretch, short ones as often as long ones."""
    page = pages[int(rng.integers(len(pages)))]
    cells = int(np.exp(rng.uniform(*np.log((CELLS[0], longest)))))
    start = int(rng.integers(max(len(page.features) - cells - FOLLOWING, 1)))
    stretch = page.stretch(start, cells, FOLLOWING)
    task = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    if task == "answer" and (question := make_question(stretch.text, rng)):
        return Example(task, stretch, question.text, question.answer, ends=True)
    if task == "continue" and stretch.follows:
        return Example(task, stretch, CONTINUE, stretch.follows, ends=False)
    return Example("repeat", stretch, REPEAT, stretch.text, ends=True)


def example_losses(
    projector: Projector, llm: ChatModel, examples: Sequence[Example]
) -> dict[str, Tensor]:
    """By task, the mean loss (nats a token) of its examples' answers."""
    sizes = [projector.config.soft_tokens(len(each.stretch.features)) for each in examples]
    device = llm.embeddings.device
    windows = [
        cut_windows(each.stretch.features.to(device).float(), projector.config) for each in examples
    ]
    vectors = projector(torch.cat(windows)).split(sizes)
    rows = [
        Row(llm.prompt(soft, each.prompt), llm.target(each.answer, ends=each.ends))
        for soft, each in zip(vectors, examples, strict=True)
    ]
    found: dict[str, list[Tensor]] = {}
    for each, row, logits in zip(examples, rows, llm.logits(rows), strict=True):
        found.setdefault(each.task, []).append(F.cross_entropy(logits, row.target))
    return {task: torch.stack(losses).mean() for task, losses in found.items()}


def fitting_loss(projector: Projector, llm: ChatModel, stretches: Sequence[Stretch]) -> Tensor:
    """Squared distance of soft tokens from their aims, in units of the embeddings' size."""
    config, device = projector.config, llm.embeddings.device
    windows = [cut_windows(each.features.to(device).float(), config) for each in stretches]
    aims = [aims_of(each, config, llm) for each in stretches]
    off: Tensor = (projector(torch.cat(windows)) - torch.cat(aims)) / llm.size
    return off.pow(2).mean()


def aims_of(stretch: Stretch, config: ProjectorConfig, llm: ChatModel) -> Tensor:
    """(M, W): for each soft token the mean of the embeddings of the tokens on its cells, each by
    the share of it that lies there, at the embeddings' size."""
    found = llm.tokenizer(stretch.text, add_special_tokens=False, return_offsets_mapping=True)
    characters = np.array(found["offset_mapping"], np.int64).reshape(-1, 2)
    spans = torch.from_numpy(stretch.cells[characters]).float()  # (N, 2)
    starts = torch.arange(config.soft_tokens(len(stretch.features)))[:, None] * config.cells
    ends = torch.minimum(spans[:, 1], starts + config.cells)
    share = (ends - torch.maximum(spans[:, 0], starts)).clamp_min(0)  # (M, N)
    share /= (spans[:, 1] - spans[:, 0]).clamp_min(1)
    device = llm.embeddings.device
    ids = torch.tensor(found["input_ids"], dtype=torch.long, device=device)
    mean = share.to(device) @ llm.embeddings[ids].float()
    return F.rms_norm(mean, mean.shape[-1:]) * llm.size
