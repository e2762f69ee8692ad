"""Prompts: the official texts, and text with images in it to token ids."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tokenizers.decoders import DecodeStream

from optimem.errors import InputError, TokenizerError
from optimem.text.tokens import tokenizer_file

BEGIN = 0
"""The token that begins every prompt."""
IMAGE_ID = 128_815
"""The token that stands for a position of the image."""
MARKS = {
    "<image>": IMAGE_ID,
    "<|ref|>": 128_816, "<|/ref|>": 128_817, "<|det|>": 128_818, "<|/det|>": 128_819,
    "<|grounding|>": 128_820,
    "<td>": 128_821, "</td>": 128_822, "<tr>": 128_823, "</tr>": 128_824,
}  # fmt: skip
"""The published ids of the marks in prompts and answers."""
IMAGE = "<image>"
"""What stands for the image in the text of a prompt."""

FREE_OCR = f"{IMAGE}\nFree OCR."
MARKDOWN = f"{IMAGE}\n<|grounding|>Convert the document to markdown."


def ask(question: str, images: int = 1) -> str:
    """The prompt that asks a question about images. Raises InputError for an empty one."""
    if not question.strip():
        raise InputError("the question is empty; ask something")
    return f"{IMAGE}\n" * images + question.strip()


def locate(text: str) -> str:
    """The prompt that asks where something is. Raises InputError for empty text or marks."""
    if not text.strip() or "<|" in text:
        raise InputError(f"cannot look for {text!r}; give words without special marks")
    return f"{IMAGE}\nLocate <|ref|>{text}<|/ref|> in the image."


class PromptIds(NamedTuple):
    """Token ids. `images`: from which position, and for how many, they stand for each image."""

    ids: list[int]
    images: tuple[tuple[int, int], ...]


class DeepSeekTokenizer:
    """The checkpoint's own `tokenizer.json`, used as it is: other tokenizer classes split some
    text differently. `vocabulary`: tokens that the model knows; marks beyond it are not looked
    for. Raises TokenizerError for a file that is not a tokenizer, or another model's."""

    def __init__(self, path: Path, vocabulary: int) -> None:
        self._tokenizer = tokenizer_file(path)
        most = max(self._tokenizer.get_vocab().values(), default=0)
        if most >= vocabulary:
            raise TokenizerError(
                f"{path} has a token of id {most}, and the model knows {vocabulary}; give the file "
                "that came with the model"
            )
        for mark, wanted in MARKS.items():
            found = self._tokenizer.token_to_id(mark)
            if wanted < vocabulary and found != wanted:
                raise TokenizerError(
                    f"{path} gives {mark} the id {found}, not {wanted}; give the file that came "
                    "with the model"
                )

    def prompt(self, text: str, *image_positions: int) -> PromptIds:
        """A prompt with one `<image>` for each number of positions: the begin token, then each
        piece of text beside the images encoded by itself, without special tokens and without an
        end."""
        first, *others = text.strip().split(IMAGE)
        if not image_positions or len(others) != len(image_positions):
            raise InputError(
                f"a prompt about {len(image_positions)} images needs {IMAGE} as often; this does "
                f"not: {text!r:.200}"
            )
        ids, images = [BEGIN, *self._ids(first)], []
        for count, piece in zip(image_positions, others, strict=True):
            images.append((len(ids), count))
            ids += [*[IMAGE_ID] * count, *self._ids(piece)]
        return PromptIds(ids, tuple(images))

    def text(self, ids: Sequence[int]) -> str:
        """The text of tokens, with special marks such as `<|ref|>`."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=False)

    def stream(self) -> Callable[[int], str | None]:
        """A function from one token after another to text; None while a character is
        incomplete."""
        decoding = DecodeStream(skip_special_tokens=False)
        return lambda token: decoding.step(self._tokenizer, token)

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids if text else []
