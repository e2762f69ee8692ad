"""Access keys: which namespace whoever calls may use, and what the proxy does with its requests.

Only the SHA-256 of a key is held, and compared in constant time. Knows nothing of HTTP.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from optimem.errors import InputError
from optimem.proxy.settings import MODES, Mode, checked_mode
from optimem.turns import RESERVED, Scope

KEYS_VARIABLE, KEYS_FILE_VARIABLE = "OPTIMEM_ACCESS_KEYS", "OPTIMEM_ACCESS_KEYS_FILE"
METRICS = "@metrics"
"""In place of a namespace: a key that reads the metrics and nothing else."""
LEAST = 24
"""Characters that a key has at least."""
PREFIX = "om_"
HASHED = "sha256:"
MODE = "mode="
_KEY = re.compile(rf"[\w.~+/=-]{{{LEAST},256}}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Caller:
    """Whoever calls. `namespace`: all that it can reach; None for the metrics alone. `id`: tells
    callers apart in limits and logs; made from the key, which it does not tell. `mode`: of its
    requests to the proxy that name none; None for the service's."""

    namespace: str | None
    id: str
    mode: Mode | None = None


@dataclass(frozen=True)
class AccessKeys:
    """Keys by the hexadecimal SHA-256 of each; without any, `caller` knows nobody."""

    callers: Mapping[str, Caller]

    def __bool__(self) -> bool:
        return bool(self.callers)

    @classmethod
    def parse(cls, lines: Iterable[str]) -> "AccessKeys":
        """Keys of lines `NAMESPACE KEY`, or `KEY` alone for the namespace without a name. In place
        of a key there may be `sha256:` and its digest, in place of a namespace `@metrics`, and
        behind the key the proxy's mode, such as `mode=image`. What follows a # at the start of a
        line is left out. Raises InputError, which quotes no key."""
        callers: dict[str, Caller] = {}
        for number, line in enumerate(lines, 1):
            if line.strip() and not line.lstrip().startswith("#"):
                digest, caller = _entry(number, line)
                if digest in callers:
                    raise InputError(
                        f"line {number} of the access keys repeats the key of another; a key "
                        "belongs to one namespace: make a new one with `optimem new-access-key`"
                    )
                callers[digest] = caller
        return cls(callers)

    @classmethod
    def read(cls, path: Path) -> "AccessKeys":
        """The keys in a file. Raises InputError for one that cannot be read or holds none."""
        try:
            keys = cls.parse(path.read_text("utf-8").splitlines())
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"the access keys in {path} cannot be read: {error}") from error
        if not keys:
            raise InputError(
                f"{path} holds no access key; `optimem new-access-key NAMESPACE` prints a line"
            )
        return keys

    def caller(self, key: str) -> Caller | None:
        """Who has this key. Takes as long whether somebody has it or nobody."""
        digest, found = _sha256(key), None
        for known, caller in self.callers.items():
            if hmac.compare_digest(known, digest):
                found = caller
        return found


def environment_keys(environment: Mapping[str, str]) -> AccessKeys:
    """The keys that `OPTIMEM_ACCESS_KEYS` holds, with commas or line breaks between, or those in
    the file that `OPTIMEM_ACCESS_KEYS_FILE` names; none without either. Raises InputError."""
    given, file = environment.get(KEYS_VARIABLE, ""), environment.get(KEYS_FILE_VARIABLE, "")
    if given.strip() and file:
        raise InputError(f"both {KEYS_VARIABLE} and {KEYS_FILE_VARIABLE} are set; set one of them")
    return AccessKeys.read(Path(file)) if file else AccessKeys.parse(re.split(r"[,\n]", given))


def new_access_key() -> str:
    """A random key as text."""
    return PREFIX + secrets.token_urlsafe(32)


def key_line(namespace: str, key: str, mode: str | None = None, hashed: bool = False) -> str:
    """A line of a file of keys. `hashed`: one that lets nobody in who reads it."""
    shown = f"{HASHED}{_sha256(key)}" if hashed else key
    return f"{namespace} {shown} {f'{MODE}{mode}' if mode else ''}".strip()


def _entry(number: int, line: str) -> tuple[str, Caller]:
    """The digest and the caller of a line."""
    rest, _, last = line.strip().rpartition(" ")
    mode = _checked_mode(number, last.removeprefix(MODE)) if last.startswith(MODE) else None
    namespace, _, key = (rest if mode else line).strip().rpartition(" ")
    hashed = key.startswith(HASHED)
    digest = key.removeprefix(HASHED) if hashed else _sha256(key)
    if not (_DIGEST.fullmatch(digest) and (hashed or _KEY.fullmatch(key))):
        raise InputError(
            f"line {number} of the access keys does not end with a key: {LEAST} to 256 letters, "
            f"digits or -_.~+/=, or {HASHED} and 64 hexadecimal digits; make one with `optimem "
            "new-access-key`"
        )
    caller = Caller(_checked(number, namespace.strip()), digest[:12], mode)
    if caller.namespace is None and mode:
        raise InputError(
            f"line {number} of the access keys: a key for the metrics has no mode; leave it out"
        )
    return digest, caller


def _checked_mode(number: int, mode: str) -> Mode:
    try:
        return checked_mode(mode)
    except InputError:  # which would quote a key that begins so
        raise InputError(
            f"line {number} of the access keys: what follows {MODE} is none of {', '.join(MODES)}"
        ) from None


def _checked(number: int, namespace: str) -> str | None:
    if namespace == METRICS:
        return None
    if namespace.startswith(RESERVED):
        raise InputError(
            f"line {number} of the access keys: namespaces that start with {RESERVED!r} are kept "
            "for items and for what was forgotten; use another"
        )
    return Scope(session="any", namespace=namespace).namespace


def _sha256(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
