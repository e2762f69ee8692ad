"""The cryptography of a sealed store: records under AES-256-GCM, names under AES-SIV.

A record is sealed under a key and a nonce of its own, which HKDF-SHA256 makes from the given key
and 16 random bytes. GCM is safe as long as no key is used twice with one nonce; here two records
would have to draw the same 128 random bits, which after 2^48 records has a chance of 2^-33, so
there is nothing to count and no limit to mind. The scope and key of a record are authenticated
with it: it opens nowhere else.

Names, of scopes and of entries, must be found again by who knows them. They are sealed by AES-SIV,
which needs no nonce: equal names give equal bytes, and nothing else shows. Knows no store.
"""

import base64
import secrets
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from optimem.errors import ChecksumError, FormatError, InputError, MissingExtraError
from optimem.omem.container import ContainerKind, pack_container, to_json, unpack_container
from optimem.store.arguments import key_bytes
from optimem.turns import Scope

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY = 32
"""Bytes of a key: AES-256."""
NAMES_KEY = 64
"""Bytes of the secret that seals names: AES-256 twice, as SIV takes it."""
_ID, _SALT, _NONCE = 8, 16, 12
_PART, _PARTS = 512, 3
"""Characters of a scope's part, and its parts."""
MAX_NAME = _PART * _PARTS // 4 * 3 - 16
"""Bytes that the parts of a scope may have together in a sealed store."""
_KIND = 6
"""Characters of an entry's sealed name that stand for its kind."""


class SealedRecord(NamedTuple):
    """The parts of a sealed record: which key sealed it, the salt, and what is sealed."""

    key_id: bytes
    salt: bytes
    sealed: bytes

    @classmethod
    def parse(cls, data: bytes) -> "SealedRecord":
        """Raises FormatError, VersionError or ChecksumError for other bytes."""
        with unpack_container(ContainerKind.SEALED, data) as (key_id, salt, sealed):
            return cls(key_id, salt, sealed)


def check_crypto() -> None:
    """Raises MissingExtraError unless `cryptography` is installed."""
    try:
        import cryptography.hazmat.primitives.ciphers.aead  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            "a sealed store needs cryptography; install it: pip install 'optimem[crypto]'"
        ) from error


def new_key() -> bytes:
    """A random key."""
    return secrets.token_bytes(KEY)


def key_id(key: bytes) -> bytes:
    """Names a key without telling anything of it."""
    return blake2b(b"id", key=key, digest_size=_ID, person=b"optimem").digest()


def derived_key(key: bytes, salt: bytes, purpose: bytes, size: int = KEY) -> bytes:
    """A key that tells nothing of `key`: HKDF-SHA256."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), size, salt, b"optimem " + purpose).derive(key)


def record_place(scope: Scope, key: str) -> bytes:
    """What a record is bound to, as bytes that stand for no other scope and key."""
    return to_json([scope.namespace, scope.user, scope.session, key])


def seal(data: bytes, key: bytes, place: bytes) -> bytes:
    """`data` under a key, for a place."""
    salt = secrets.token_bytes(_SALT)
    cipher, nonce = _cipher(key, salt)
    return pack_container(
        ContainerKind.SEALED, [key_id(key), salt, cipher.encrypt(nonce, data, place)]
    )


def unseal(record: SealedRecord, key: bytes, place: bytes) -> bytes:
    """The inverse of `seal`. Raises ChecksumError if the record was damaged, moved to another
    place, or not sealed under this key."""
    from cryptography.exceptions import InvalidTag

    cipher, nonce = _cipher(key, record.salt)
    try:
        return cipher.decrypt(nonce, record.sealed, place)
    except InvalidTag:
        raise ChecksumError(
            "a sealed record was damaged, moved, or sealed under another key; restore it from a "
            "copy"
        ) from None


def _cipher(key: bytes, salt: bytes) -> "tuple[AESGCM, bytes]":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    made = derived_key(key, salt, b"record", KEY + _NONCE)
    return AESGCM(made[:KEY]), made[KEY:]


class NameCipher:
    """The names of a store's scopes and entries, sealed and opened again. `secret`: `NAMES_KEY`
    random bytes of the store."""

    def __init__(self, secret: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        self._siv = AESSIV(secret)
        self._kinds = blake2b(secret, person=b"optimem kinds").digest()

    def seal_scope(self, scope: Scope) -> Scope:
        """The scope under which another is stored. Raises InputError for names of more than
        `MAX_NAME` bytes."""
        plain = "\0".join((scope.namespace, scope.user, scope.session)).encode()
        if len(plain) > MAX_NAME:
            raise InputError(
                f"the names of {str(scope)!r:.80} have {len(plain):,} bytes together, a sealed "
                f"store takes {MAX_NAME:,}; shorten them"
            )
        sealed = _text(self._siv.encrypt(plain, [b"scope"]))
        session, user, namespace = (sealed[at * _PART :][:_PART] for at in range(_PARTS))
        return Scope(session=session, user=user, namespace=namespace)

    def open_scope(self, sealed: Scope) -> Scope:
        """The inverse of `seal_scope`. Raises FormatError for a scope that is not sealed."""
        plain = self._open(f"{sealed.session}{sealed.user}{sealed.namespace}", b"scope")
        namespace, user, session = plain.split("\0")
        return Scope(session=session, user=user, namespace=namespace)

    def seal_key(self, scope: Scope, key: str) -> str:
        """The key under which an entry is stored: it starts with what stands for its kind. Raises
        InputError for a key that is not valid text."""
        sealed = _text(self._siv.encrypt(key_bytes(key), [b"key", record_place(scope, "")]))
        return self.kind(scope, key) + sealed

    def open_key(self, scope: Scope, sealed: str) -> str:
        """The inverse of `seal_key`. Raises FormatError for a key that is not sealed."""
        return self._open(sealed[_KIND:], b"key", record_place(scope, ""))

    def kind(self, scope: Scope, start: str) -> str:
        """What the sealed keys of a kind start with: of those that begin as `start` does, up to
        its first colon. Nothing if it has none, which stands for all."""
        kind, colon, _ = start.partition(":")
        place = record_place(scope, kind if colon else "")
        return _text(blake2b(place, key=self._kinds, digest_size=_KIND).digest())[:_KIND]

    def _open(self, sealed: str, *purpose: bytes) -> str:
        from cryptography.exceptions import InvalidTag

        try:
            return self._siv.decrypt(_bytes(sealed), list(purpose)).decode()
        except (InvalidTag, ValueError):
            raise FormatError(
                "a name in the sealed store is not sealed under its secret; it was damaged or "
                "written by a program without the key"
            ) from None


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
