"""Stored pages to soft tokens, by a projector's file; needs no chat model."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

import torch
from torch import Tensor

from optimem.errors import InputError
from optimem.model.nano.page_codec import NanoCodec
from optimem.model.projector.weights import ProjectorFile, TrainedFor
from optimem.protocols import VisionTokens
from optimem.renderers.dense import DenseRenderer

LIMIT = 128
"""Tokens of an answer."""


class ProjectedAnswer(NamedTuple):
    """A greedy answer: its text, the ids of its tokens, and whether the model ended it, rather than
    a limit."""

    text: str
    ids: list[int]
    complete: bool


class PageProjector:
    """Make one with `open`."""

    def __init__(self, file: ProjectorFile, codec: NanoCodec) -> None:
        self._file, self._codec = file, codec

    @classmethod
    def open(cls, path: str | Path, device: torch.device | None = None) -> Self:
        """Read a projector's file. `device`: of `optimem-nano` and the projector, default the best
        that the machine has. Errors as `ProjectorFile.load`."""
        file = ProjectorFile.load(Path(path).expanduser())
        if device is not None:
            file.projector.to(device)
        return cls(file, NanoCodec(DenseRenderer(), device=device))

    @property
    def trained_for(self) -> TrainedFor:
        """The encoder, tier and chat model that it fits."""
        return self._file.trained_for

    @torch.inference_mode()
    def vectors(self, pages: Sequence[VisionTokens]) -> Tensor:
        """The soft tokens of pages, one after the other, (M, W) fp32. Raises FingerprintError and
        TierError for pages that the projector does not fit, InputError for no pages or blank ones,
        and ChecksumError for damaged ones."""
        for page in pages:
            self.trained_for.check_pages(page.fingerprint, page.tier)
        if not sum(page.cells for page in pages):
            raise InputError("there is nothing on these pages to ask about; give pages with text")
        projector = self._file.projector
        features = map(torch.from_numpy, self._codec.cell_features(pages))
        return torch.cat([
            projector.project(each.to(projector.gain.device)) for each in features if len(each)
        ])  # fmt: skip


def check_question(question: str, limit: int) -> None:
    """Raise InputError for an empty question and for a limit under 1."""
    if not question.strip():
        raise InputError("the question is empty; say what to ask about the pages")
    if limit < 1:
        raise InputError(f"a limit of {limit} tokens leaves no answer; give 1 or more")
