"""Where a checkpoint is: a folder, or a name on the hub that is fetched once."""

from pathlib import Path

from optimem.errors import InputError, MissingExtraError
from optimem.model_names import DEEPSEEK

NEEDED = ("*.safetensors", "*.safetensors.index.json", "config.json", "tokenizer.json")
TOKENIZER = "tokenizer.json"


def checkpoint_folder(name: str | Path) -> Path:
    """The folder of a checkpoint. A name such as `deepseek-ai/DeepSeek-OCR` is taken from the
    hub's cache or downloaded (6.7 GB). Raises InputError if there is none, and
    MissingExtraError without huggingface_hub."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / TOKENIZER).exists():
            raise InputError(
                f"{folder} holds no {TOKENIZER}; give the folder of a whole {DEEPSEEK}"
            )
        return folder
    if str(name).count("/") != 1 or str(name).startswith(("/", ".", "~")):
        raise InputError(f"there is no folder {name}; give one, or a hub name such as {DEEPSEEK}")
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import (
            HfHubHTTPError,
            HFValidationError,
            LocalEntryNotFoundError,
        )
    except ImportError as error:
        raise MissingExtraError(
            "fetching from the hub needs huggingface_hub: pip install 'optimem[hub]'"
        ) from error
    try:
        return Path(snapshot_download(str(name), allow_patterns=list(NEEDED)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise InputError(
            f"{name} could not be had from the hub ({error}); download it elsewhere and give "
            "its folder"
        ) from error
