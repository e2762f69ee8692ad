"""optimem: optical memory for LLM agents.

A public name is imported when it is first used, so that `import optimem` loads neither torch nor
redis.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the names of `_HOMES` for type checkers; a test compares the two
    from optimem.api.chat_server import ChatServer as ChatServer
    from optimem.api.clients import with_pages as with_pages
    from optimem.api.copying import copy_store as copy_store
    from optimem.api.files import compress as compress
    from optimem.api.files import compress_images as compress_images
    from optimem.api.files import read_images as read_images
    from optimem.api.files import read_pages as read_pages
    from optimem.api.files import stream_images as stream_images
    from optimem.api.keys import new_key as new_key
    from optimem.api.keys import rotate_keys as rotate_keys
    from optimem.api.memory import OpticalMemory as OpticalMemory
    from optimem.api.prompts import calibrate as calibrate
    from optimem.api.prompts import compress_prompt as compress_prompt
    from optimem.api.reencoding import reencode_file as reencode_file
    from optimem.corpus.reading import Corpus as Corpus
    from optimem.corpus.run import encode_corpus as encode_corpus
    from optimem.errors import *  # noqa: F403  every error class
    from optimem.evaluation.run import evaluate as evaluate
    from optimem.memory.decay import DecayPolicy as DecayPolicy
    from optimem.memory.upkeep.limits import Limits as Limits
    from optimem.omem.images import ImageArchive as ImageArchive
    from optimem.omem.text import TokenFile as TokenFile
    from optimem.proxy.clients import with_memory as with_memory
    from optimem.results import Answer as Answer
    from optimem.results import Passage as Passage
    from optimem.results import RecalledTurn as RecalledTurn
    from optimem.results import Recollection as Recollection
    from optimem.store.keys import Keyring as Keyring
    from optimem.store.keys import UserKeys as UserKeys
    from optimem.tiers import Tier as Tier
    from optimem.turns import Scope as Scope
    from optimem.turns import Turn as Turn

__version__ = "0.1.0"

_EXPORTS = {
    "optimem.api.chat_server": ("ChatServer",),
    "optimem.api.clients": ("with_pages",),
    "optimem.api.copying": ("copy_store",),
    "optimem.api.files": (
        "compress", "compress_images", "read_images", "read_pages", "stream_images",
    ),
    "optimem.api.keys": ("new_key", "rotate_keys"),
    "optimem.api.memory": ("OpticalMemory",),
    "optimem.api.prompts": ("calibrate", "compress_prompt"),
    "optimem.api.reencoding": ("reencode_file",),
    "optimem.corpus.reading": ("Corpus",),
    "optimem.corpus.run": ("encode_corpus",),
    "optimem.errors": (
        "BaselineError", "BudgetError", "ChangedTurnError", "ChecksumError", "ClientConfigError",
        "ConflictError", "EmbeddingError", "FingerprintError", "FormatError", "ImageSupportError",
        "InputError", "LimitError", "MissingExtraError", "MissingKeyError", "NoGainError",
        "OptimemError", "PageError", "PromptError", "ProviderError", "QuotaError", "RatioError",
        "ReaderUnavailableError", "ResumeError",
        "SampleError", "ScopeError", "ServerSetupError", "StoreError", "StoreFullError",
        "StoreLockedError",
        "StoreUnavailableError", "TextError", "TierError", "TokenizerError",
        "UnknownPageError", "UnknownScopeError", "VersionError",
    ),
    "optimem.evaluation.run": ("evaluate",),
    "optimem.memory.decay": ("DecayPolicy",),
    "optimem.memory.upkeep.limits": ("Limits",),
    "optimem.omem.images": ("ImageArchive",),
    "optimem.omem.text": ("TokenFile",),
    "optimem.proxy.clients": ("with_memory",),
    "optimem.results": ("Answer", "Passage", "RecalledTurn", "Recollection"),
    "optimem.store.keys": ("Keyring", "UserKeys"),
    "optimem.tiers": ("Tier",),
    "optimem.turns": ("Scope", "Turn"),
}  # fmt: skip
"""Every public name, by the module that defines it."""

_HOMES = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
