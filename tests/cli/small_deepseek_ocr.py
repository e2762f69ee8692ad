"""The command line, where `--model FOLDER` means a checkpoint of the small model's sizes."""

from functools import partial

from optimem.cli import main
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from tests.model.deepseek_ocr.small import SMALL

if __name__ == "__main__":
    opened = partial(DeepSeekReader.open, config=SMALL)
    DeepSeekReader.open = opened  # type: ignore[method-assign, assignment]
    main()
