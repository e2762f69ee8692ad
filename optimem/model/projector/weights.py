"""A projector's file: safetensors, with what it was trained for in the metadata.

A projector fits one tier of one `optimem-nano` and the embeddings of one chat model. Any other is
refused by name, since it would answer nonsense without a word.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from optimem.errors import FingerprintError, FormatError, InputError, TierError, VersionError
from optimem.model.projector.network import Projector, ProjectorConfig
from optimem.omem.atomic import atomic_write
from optimem.tiers import Tier

FORMAT = "optimem-projector-1"


@dataclass(frozen=True)
class TrainedFor:
    """`encoder`: fingerprint of `optimem-nano`'s weights. `llm`: of the chat model's embeddings."""

    encoder: str
    tier: Tier
    llm: str

    def check_pages(self, encoder: str, tier: Tier) -> None:
        """Raise FingerprintError or TierError for pages of another encoder or tier."""
        if encoder != self.encoder:
            raise FingerprintError(
                f"these pages were written by {encoder!r}, the projector was trained on pages of "
                f"{self.encoder!r}; train one for them (python -m optimem.training.projector)"
            )
        if tier != self.tier:
            raise TierError(
                f"these pages are at {tier.label}, the projector was trained at {self.tier.label}; "
                f"compress them at {self.tier.label} or train one with --tier {tier.label}"
            )

    def check_llm(self, llm: str) -> None:
        """Raise FingerprintError for a chat model with other embeddings."""
        if llm != self.llm:
            raise FingerprintError(
                f"the projector was trained for the embeddings of {self.llm!r}, this chat model "
                f"has {llm!r}; give that model, or train a projector for this one"
            )


@dataclass(frozen=True)
class ProjectorFile:
    """A projector and what it was trained for."""

    projector: Projector
    trained_for: TrainedFor

    def save(self, path: Path) -> None:
        """Write the file whole or not at all. Errors as `atomic_write`."""
        known = self.trained_for
        described = {
            "format": FORMAT,
            "config": json.dumps(asdict(self.projector.config)),
            "encoder": known.encoder,
            "tier": known.tier.label,
            "llm": known.llm,
        }
        state = self.projector.state_dict()
        tensors = {name: value.detach().cpu().half() for name, value in state.items()}
        with atomic_write(path) as file:
            file.write(save(tensors, described))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file. Raises InputError if there is none, FormatError for one that is cut short or
        holds something else, and VersionError for another format."""
        if not path.is_file():
            raise InputError(f"there is no file {path}; give the projector of a run")
        try:
            with safe_open(path, "pt") as file:
                described = file.metadata() or {}
                tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise FormatError(
                f"{path} cannot be read as a projector: {error}; copy it again, or train one "
                "(python -m optimem.training.projector)"
            ) from error
        if described.get("format") != FORMAT:
            raise VersionError(
                f"{path} has format {described.get('format')!r}, this version reads {FORMAT!r}; "
                "give the projector of a run, or train one (python -m optimem.training.projector)"
            )
        return cls(*_parsed(described, tensors, path))


def _parsed(
    described: dict[str, str], tensors: dict[str, torch.Tensor], path: Path
) -> tuple[Projector, TrainedFor]:
    try:
        projector = Projector(ProjectorConfig(**json.loads(described["config"])))
        projector.load_state_dict(tensors)
        known = TrainedFor(described["encoder"], Tier.parse(described["tier"]), described["llm"])
    except (KeyError, ValueError, TypeError, RuntimeError, TierError) as error:
        raise FormatError(
            f"{path} says of itself what cannot be ({type(error).__name__}: {error}); copy it again"
        ) from error
    return projector.eval().requires_grad_(False), known
