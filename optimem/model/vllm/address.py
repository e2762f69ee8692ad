"""Where a vLLM server is: `vllm+http://host:8000`, or the same without `vllm+`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Self
from urllib.parse import parse_qs, urlsplit

from optimem.errors import InputError

KEY_VARIABLE = "VLLM_API_KEY"
"""What vLLM itself calls the key that its clients must have."""
PREFIX = "vllm+"


@dataclass(frozen=True)
class VllmAddress:
    """A server. `url`: its base, without `/v1`. `model`: the name of the model there that the
    caller vouches for; None to take the one that is named after the tokens. `key`: sent as a
    bearer token, if there is one."""

    url: str
    model: str | None = None
    key: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str, environment: Mapping[str, str]) -> Self:
        """The server at an address such as `vllm+http://host:8000?model=NAME`. The key is that of
        `VLLM_API_KEY`. Raises InputError for anything else."""
        example = "write vllm+http://host:8000, with ?model=NAME to choose a model there"
        try:
            parts = urlsplit(text.strip().removeprefix(PREFIX))
            port = parts.port
        except ValueError as error:
            raise InputError(
                f"{text!r} is not the address of a server ({error}); {example}"
            ) from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"{text!r} is not the address of a server; {example}")
        if parts.username or parts.password:
            raise InputError(
                f"the address of {parts.hostname} holds a password, which would be shown in "
                f"messages; put the key into {KEY_VARIABLE}"
            )
        query = parse_qs(parts.query, keep_blank_values=True)
        if parts.fragment or set(query) - {"model"} or any(len(v) > 1 for v in query.values()):
            raise InputError(f"{text!r} says more than a server and ?model=NAME; {example}")
        (model,) = query.get("model", [""])
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        path = parts.path.rstrip("/").removesuffix("/v1")
        where = f"{host}:{port}" if port else host
        return cls(
            f"{parts.scheme}://{where}{path}", model or None, environment.get(KEY_VARIABLE) or None
        )

    @property
    def is_here(self) -> bool:
        """Whether it is this machine, so that a folder it names is one of ours."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"
