"""What somebody who runs the proxy decides: where requests go, and what is done with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args
from urllib.parse import urlsplit

from optimem.errors import InputError

Mode = Literal["off", "recall", "image", "auto"]
MODES: tuple[Mode, ...] = get_args(Mode)
UPSTREAMS = {"openai": "https://api.openai.com", "anthropic": "https://api.anthropic.com"}
"""Base URLs of providers, by the first part of a request's path."""
DEADLINE = 3.0
"""Seconds for a plan."""


@dataclass(frozen=True)
class ProxySettings:
    """`upstreams`: base URLs by name; the first part of a request's path says which. `mode`: what
    is done with a request that names no mode itself. `deadline`: seconds after which a request
    whose plan is not ready goes on as it came. `max_body`: bytes up to which a request is planned
    at all. Raises InputError for what cannot be used."""

    upstreams: Mapping[str, str] = field(default_factory=lambda: dict(UPSTREAMS))
    mode: Mode = "recall"
    deadline: float = DEADLINE
    max_body: int = 64 << 20

    def __post_init__(self) -> None:
        for name, url in self.upstreams.items():
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
                raise InputError(
                    f"upstream {name}={url!r} is not a base URL; give one such as "
                    "https://api.openai.com"
                )
            if not name or "/" in name:
                raise InputError(f"upstream name {name!r} cannot be part of a path")
        checked_mode(self.mode)
        if self.deadline <= 0 or self.max_body < 0:
            raise InputError(
                f"deadline={self.deadline}, max_body={self.max_body}: give seconds above 0 and "
                "bytes of 0 or more"
            )


def checked_mode(mode: str) -> Mode:
    """A mode by its name. Raises InputError."""
    for known in MODES:
        if mode == known:
            return known
    raise InputError(f"mode {mode!r} is unknown; give one of {', '.join(MODES)}")
