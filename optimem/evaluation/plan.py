"""What a run measures and with what, and what two runs must share to share results."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optimem.compression import PageReader
from optimem.evaluation.baselines import Baseline
from optimem.evaluation.kinds import Kind
from optimem.evaluation.tokenizer import Counter
from optimem.tiers import Tier


@dataclass(frozen=True)
class Plan:
    """A run. `asked`: baselines as the user wrote them, a checkpoint included; `baselines`:
    the same by name, ready for use. `pages`: of each kind at most."""

    texts: list[Kind]
    ratios: tuple[float, ...]
    tiers: tuple[Tier, ...]
    pages: int
    asked: tuple[str, ...]
    baselines: Mapping[str, Baseline]
    tokens: Counter
    seed: int
    reader: PageReader

    def identity(self) -> dict[str, Any]:
        """What two runs must share to share results."""
        digest = hashlib.blake2b(digest_size=8)
        for kind in self.texts:
            digest.update(f"{kind.name}\0{kind.text}\0".encode())
        return {
            "texts": digest.hexdigest(),
            "model": self.reader.encoder.fingerprint,
            "renderer": self.reader.renderer.version,
            "tokenizer": self.tokens.name,
            "ratios": list(self.ratios),
            "tiers": [tier.label for tier in self.tiers],
            "pages": self.pages,
            "baselines": list(self.asked),
            "seed": self.seed,
        }
