"""Every error optimem raises on purpose, one tree under `OptimemError`.

OptimemError
├── InputError               an argument or a file that cannot be used
│   ├── TextError            not text: binary, broken UTF-8, lone surrogates
│   ├── TierError            an unknown tier
│   ├── ChangedTurnError     an id that is held with another text
│   ├── ScopeError           a scope that cannot be a name
│   │   └── UnknownScopeError    a scope that holds nothing
│   ├── PageError            a page image that the reader was not made for
│   ├── UnknownPageError     a page that a scope does not hold
│   ├── ProviderError        no rule says what a model charges for images
│   ├── ImageSupportError    pages for a model that takes no images
│   ├── PromptError          a prompt that cannot be made cheaper
│   │   ├── NoGainError      pages would cost as much as the text
│   │   └── BudgetError      a budget below the least that the prompt can cost
│   ├── LimitError           more images or bytes than a provider accepts
│   ├── SampleError          too little text to measure
│   ├── RatioError           a ratio that no tier reaches
│   ├── TokenizerError       an unknown tokenizer, or a file that holds none
│   ├── BaselineError        an unknown baseline
│   ├── ServerSetupError     a model's server that was started without what is needed
│   ├── ClientConfigError    an MCP client's configuration that cannot be changed safely
│   └── ResumeError          a folder that holds the results of another run
├── FormatError              stored bytes that cannot be decoded
│   ├── ChecksumError        bytes damaged or cut short
│   ├── VersionError         bytes in a newer or unknown format
│   ├── FingerprintError     vision tokens of another encoder
│   └── MissingKeyError      sealed bytes whose key is not among those given
├── StoreError               the store failed
│   ├── ConflictError        another writer was first; nothing changed
│   ├── StoreLockedError     another process holds the store
│   ├── StoreFullError       no room left
│   │   └── QuotaError       a scope or a user at a limit that was set
│   └── StoreUnavailableError  the server or file cannot be reached
├── ReaderUnavailableError   a server of a model that does not answer
├── EmbeddingError           an embedding model that fails, or gives no vectors
└── MissingExtraError        an optional package is not installed (also an ImportError)

Each message states the offending value and the remedy. Knows nothing of the rest of the package.
"""

from typing import Any


class OptimemError(Exception):
    """Base of every error raised on purpose."""


class InputError(OptimemError):
    """An argument or a file that cannot be used. Not a ValueError, which pydantic would wrap in
    an error of its own."""


class TextError(InputError):
    """Not text: binary, broken UTF-8, a lone surrogate or a NUL."""


class TierError(InputError):
    """An unknown tier."""


class ChangedTurnError(InputError):
    """A turn whose id the scope holds with another text. Nothing was appended."""


class ScopeError(InputError):
    """A scope, or a part of one, that cannot be a name."""


class UnknownScopeError(ScopeError):
    """A scope that holds nothing, where one that does was asked for."""


class PageError(InputError):
    """A page image that this reader was not made for."""


class UnknownPageError(InputError):
    """A page that a scope does not hold, or a turn that is not on the page."""


class ProviderError(InputError):
    """No rule says what a model charges for images."""


class ImageSupportError(InputError):
    """Pages were meant for a model that takes no images."""


class PromptError(InputError):
    """A prompt that cannot be made cheaper. `plan`: what it would cost, an
    `optimem.prompts.PromptPlan`, or None if that was not worked out."""

    def __init__(self, message: str, plan: Any = None) -> None:
        super().__init__(message)
        self.plan = plan


class NoGainError(PromptError):
    """Pages would cost as much as the text they replace."""


class BudgetError(PromptError):
    """A budget below the least that the prompt can cost."""


class LimitError(InputError):
    """More images or bytes than a provider accepts in one request."""


class SampleError(InputError):
    """Too little text to measure."""


class RatioError(InputError):
    """A ratio that no tier reaches."""


class TokenizerError(InputError):
    """An unknown tokenizer, or a file that holds none."""


class BaselineError(InputError):
    """An unknown baseline."""


class ServerSetupError(InputError):
    """A server of a model that was started without what is needed."""


class ClientConfigError(InputError):
    """An MCP client's configuration that cannot be changed without touching what is not ours."""


class ResumeError(InputError):
    """A folder that holds the results of another run."""


class FormatError(OptimemError):
    """Stored bytes that cannot be decoded."""


class ChecksumError(FormatError):
    """Stored bytes that are damaged or cut short."""


class VersionError(FormatError):
    """Stored bytes in a newer or unknown format."""


class FingerprintError(FormatError):
    """Vision tokens that another encoder wrote."""


class MissingKeyError(FormatError):
    """Sealed bytes, or a sealed store, whose key is not among those given: none, a wrong one, or
    one that was dropped."""


class StoreError(OptimemError):
    """The store failed."""


class ConflictError(StoreError):
    """An expected version did not match; nothing changed."""


class StoreLockedError(StoreError):
    """Another process holds the store."""


class StoreFullError(StoreError):
    """The store has no room left."""


class QuotaError(StoreFullError):
    """A scope or a user holds as much as its limits allow; nothing changed."""


class StoreUnavailableError(StoreError):
    """The store cannot be reached."""


class ReaderUnavailableError(OptimemError):
    """A model on another machine, which reads images or answers, cannot be reached or does not
    answer."""


class EmbeddingError(OptimemError):
    """An embedding model raised an error, or gave what are not vectors of its texts."""


class MissingExtraError(OptimemError, ImportError):
    """An optional package is not installed."""
