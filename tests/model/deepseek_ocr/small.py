"""A small DeepSeek-OCR: its sizes, its tokenizer, and a reader that answers briefly."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from optimem.model.deepseek_ocr.answers import AnswerStream, PageAnswer
from optimem.model.deepseek_ocr.config import DecoderConfig, DeepSeekConfig, EncoderConfig
from optimem.model.deepseek_ocr.generation import GenerationSettings
from optimem.model.deepseek_ocr.prompts import MARKDOWN
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.model.deepseek_ocr.stored_tokens import StoredPage

IMAGE_ID = 299
SMALL = DeepSeekConfig(
    vision=EncoderConfig(
        patch_grid=32,
        window=7,
        global_blocks=(1,),
        width=32,
        depth=2,
        heads=4,
        hidden=48,
        neck=24,
        half_width=40,
        grid=8,
        global_width=48,
        global_depth=2,
        global_heads=4,
        global_hidden=64,
        token_dim=64,
    ),
    decoder=DecoderConfig(
        width=64,
        depth=3,
        heads=4,
        dense_layers=1,
        dense_hidden=96,
        experts=8,
        top_k=3,
        expert_hidden=32,
        shared_hidden=64,
    ),
    vocabulary=300,
)


def write_tokenizer(folder: Path) -> None:
    """Bytes for tokens, so that a character may take several."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {"<bos>": 0, "<eos>": 1} | {char: 2 + at for at, char in enumerate(alphabet)}
    made = Tokenizer(models.BPE(vocab=words, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.save(str(folder / "tokenizer.json"))


BRIEF = GenerationSettings(limit=12)


class BriefReader(DeepSeekReader):
    """The random model says nothing that ends; here it says little."""

    def answer(
        self,
        pages: Sequence[StoredPage],
        prompt: str = MARKDOWN,
        settings: GenerationSettings | None = BRIEF,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> list[PageAnswer]:
        return super().answer(pages, prompt, BRIEF, cancelled)

    def stream(
        self,
        page: StoredPage,
        prompt: str = MARKDOWN,
        settings: GenerationSettings | None = BRIEF,
    ) -> AnswerStream:
        return super().stream(page, prompt, BRIEF)

    def answer_together(
        self,
        pages: Sequence[StoredPage],
        prompt: str,
        settings: GenerationSettings | None = BRIEF,
    ) -> PageAnswer:
        return super().answer_together(pages, prompt, BRIEF)
