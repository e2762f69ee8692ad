"""Questions about stored pages, answered by a chat model in this process."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch

from optimem.errors import InputError
from optimem.model.projector.chat_model import ChatModel
from optimem.model.projector.pages import LIMIT, PageProjector, ProjectedAnswer, check_question
from optimem.protocols import VisionTokens


class ProjectedReader:
    """A projector and the chat model it was trained for. Make one with `open`."""

    def __init__(self, pages: PageProjector, llm: ChatModel) -> None:
        self._pages, self._llm = pages, llm

    @classmethod
    def open(
        cls, projector: str | Path, llm: str | Path, *, device: torch.device | None = None
    ) -> Self:
        """Load a projector's file and the folder of its chat model. `device`: default the best that
        the machine has. Raises InputError, FormatError, VersionError, MissingExtraError, and
        FingerprintError for another chat model than the projector's."""
        pages, model = PageProjector.open(projector, device), ChatModel.open(llm, device)
        pages.trained_for.check_llm(model.fingerprint)
        return cls(pages, model)

    def ask(
        self, pages: Sequence[VisionTokens], question: str, *, limit: int = LIMIT
    ) -> ProjectedAnswer:
        """The greedy answer about pages, at most `limit` tokens. Errors as `PageProjector.vectors`;
        InputError for a prompt and a limit beyond the model's positions."""
        check_question(question, limit)
        prompt = self._llm.prompt(self._pages.vectors(pages), question)
        if len(prompt) + limit > self._llm.positions:
            raise InputError(
                f"a prompt of {len(prompt)} positions and an answer of {limit} are more than the "
                f"chat model's {self._llm.positions}; ask about fewer pages"
            )
        (ids,) = self._llm.generate([prompt], limit)
        return ProjectedAnswer(self._llm.text(ids), ids, complete=len(ids) < limit)
