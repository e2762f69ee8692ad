"""How a service runs: where it listens, who may call, and how much it takes on."""

import ipaddress
from typing import ClassVar, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from optimem.errors import InputError
from optimem.serve.access import AccessKeys
from optimem.turns import RESERVED, Scope, Value

PORT = 8377
MIB = 1 << 20


class ServeSettings(Value):
    """Settings of a service.

    `host`, `port`: where it listens; port 0 for any free one. `keys`: who may call; without any,
    only programs on this machine may, and use `namespace`. `max_body`: bytes of a request.
    `rate`: requests a second of each key, twice as many at once; None for no limit. Each process
    counts on its own. `concurrency`: requests in hand; more are refused until some are done.
    `patience`: seconds that a request may take to arrive. `grace`: seconds that requests in hand
    are given at the end. `traces`: spans for OpenTelemetry. Raises InputError for other values, and
    for a host that others can reach without keys.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)
    kind: ClassVar[str] = "set of service settings"

    host: str = "127.0.0.1"
    port: int = Field(default=PORT, ge=0, le=65535)
    keys: AccessKeys = AccessKeys({})
    namespace: str = ""
    max_body: int = Field(default=32 * MIB, ge=1)
    rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    concurrency: int = Field(default=256, ge=1)
    patience: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    grace: float = Field(default=20.0, ge=0, allow_inf_nan=False)
    traces: bool = False

    @field_validator("namespace")
    @classmethod
    def _namespace_is_free(cls, value: str) -> str:
        if value.startswith(RESERVED):
            raise InputError(f"namespace={value!r} is reserved; use one without {RESERVED!r}")
        return Scope(session="any", namespace=value).namespace

    @model_validator(mode="after")
    def _others_need_keys(self) -> Self:
        if not self.keys and not is_loopback(self.host):
            raise InputError(
                f"others can reach {self.host}, and no access keys are given: anybody could read "
                "and delete everything; set OPTIMEM_ACCESS_KEYS or --access-keys (`optimem "
                "new-access-key` makes one), or listen on 127.0.0.1"
            )
        return self


def is_loopback(host: str) -> bool:
    """Whether a host, as a name or an address, is this machine alone."""
    name = host.strip("[]").lower()
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
