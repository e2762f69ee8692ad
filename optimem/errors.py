"""Every error optimem raises on purpose, one tree under `OptimemError`.

OptimemError
├── InputError               what was given cannot be used
│   ├── TextError            not text: binary, broken UTF-8, lone surrogates
│   ├── TierError            no such tier
│   ├── ScopeError           a scope that cannot be named
│   ├── PageError            a page image the reader was not made for
│   ├── ProviderError        no rule says what a model charges for images
│   ├── ImageSupportError    pages for a model that takes no images
│   ├── PromptError          a prompt that will not be made cheaper
│   │   ├── NoGainError      pages would cost as much as their text
│   │   └── BudgetError      fewer tokens than it can be brought down to
│   ├── LimitError           more images or bytes than a provider takes
│   ├── SampleError          too little text to measure
│   ├── RatioError           a ratio that no tier reaches
│   ├── TokenizerError       no such tokenizer, or a file that holds none
│   ├── BaselineError        no such baseline
│   └── ResumeError          a folder that holds the results of another run
├── FormatError              stored bytes that cannot be format_errors
│   ├── ChecksumError        bytes damaged or cut short
│   ├── VersionError         written by a newer or unknown format
│   └── FingerprintError     tokens of another encoder
├── StoreError               the store did not do what was asked
│   ├── ConflictError        somebody else wrote first; nothing was changed
│   ├── StoreLockedError     another process holds the store
│   ├── StoreFullError       no room left
│   └── StoreUnavailableError  the server or the file cannot be reached
├── ReaderUnavailableError   a reader on another machine does not answer
└── MissingExtraError        an optional package is needed (also an ImportError)

A message states the offending value and the remedy. Knows nothing of the rest of the package.
"""

from typing import Any


class OptimemError(Exception):
    """Base of all errors raised on purpose."""


class InputError(OptimemError):
    """What was given cannot be used. No ValueError: pydantic would hide it in its own error."""


class TextError(InputError):
    """The input is not valid text."""


class TierError(InputError):
    """No such tier."""


class ScopeError(InputError):
    """A scope or one of its parts cannot be used as a name."""


class PageError(InputError):
    """A page image that this reader was not made to read."""


class ProviderError(InputError):
    """No rule says what a model charges for images."""


class ImageSupportError(InputError):
    """Pages were to be shown to a model that takes no images."""


class PromptError(InputError):
    """A prompt that will not be made cheaper. `plan`: what it would cost, if that was made out,
    an `optimem.prompts.PromptPlan`."""

    def __init__(self, message: str, plan: Any = None) -> None:
        super().__init__(message)
        self.plan = plan


class NoGainError(PromptError):
    """Pages would cost as much as the text that they stand for."""


class BudgetError(PromptError):
    """A budget below what the prompt can be brought down to."""


class LimitError(InputError):
    """More images or bytes than a provider takes in one request."""


class SampleError(InputError):
    """Too little text to measure."""


class RatioError(InputError):
    """A ratio that no tier reaches."""


class TokenizerError(InputError):
    """No such tokenizer, or a file that holds none."""


class BaselineError(InputError):
    """No such baseline."""


class ResumeError(InputError):
    """A folder that holds the results of another run."""


class FormatError(OptimemError):
    """Stored bytes that cannot be format_errors."""


class ChecksumError(FormatError):
    """Stored bytes are damaged or cut short."""


class VersionError(FormatError):
    """Stored bytes were written by a newer or unknown format."""


class FingerprintError(FormatError):
    """Vision tokens were written by another encoder than the one that reads."""


class StoreError(OptimemError):
    """The store did not do what was asked."""


class ConflictError(StoreError):
    """An expected version did not match; nothing was changed."""


class StoreLockedError(StoreError):
    """Another process holds the store."""


class StoreFullError(StoreError):
    """The store has no room left."""


class StoreUnavailableError(StoreError):
    """The store cannot be reached."""


class ReaderUnavailableError(OptimemError):
    """A reader on another machine cannot be reached or does not answer."""


class MissingExtraError(OptimemError, ImportError):
    """An optional package is needed for this."""
