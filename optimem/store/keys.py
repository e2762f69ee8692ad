"""Where the keys of a sealed store come from: a list, the environment, or a folder with a secret
for each user. Knows nothing of what they seal.
"""

import base64
import os
import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

from optimem.errors import InputError
from optimem.protocols import KeyProvider
from optimem.store.sealing import KEY, check_crypto, derived_key, new_key
from optimem.turns import Scope

KEY_VARIABLE, FILE_VARIABLE = "OPTIMEM_KEY", "OPTIMEM_KEY_FILE"
USERS_VARIABLE = "OPTIMEM_USER_KEYS"
_HEX = re.compile(r"[0-9a-fA-F]{64}")


class Keyring:
    """A `KeyProvider` of one key for everything. `keys`: each 32 bytes, or the text that
    `optimem new-key` prints; the first seals, all open. Raises InputError for anything else, or
    for none, and MissingExtraError without `cryptography`."""

    def __init__(self, *keys: bytes | str) -> None:
        check_crypto()
        if not keys:
            raise InputError("a keyring needs a key; make one with `optimem new-key`")
        self._keys = [_key(key) for key in keys]

    def sealing(self, scope: Scope | None) -> bytes:
        """See `KeyProvider`."""
        return self._keys[0]

    def opening(self, scope: Scope | None) -> Sequence[bytes]:
        """See `KeyProvider`."""
        return self._keys


class UserKeys:
    """A `KeyProvider` with a key for each user, made from the `keys` of a provider and a secret of
    the user's own, which lies in `folder` and is made when the user is first written for. Without
    the secret nothing of the user can be read again, in the store or in any copy of it. What
    belongs to no user is sealed under `keys`.

    Keep `folder` apart from the store and its backups; every process that uses the store needs it.
    Raises InputError if it cannot be made."""

    def __init__(self, keys: KeyProvider, folder: str | os.PathLike[str]) -> None:
        self._keys, self._folder = keys, Path(folder)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder} cannot hold keys: {error.strerror}") from error

    def sealing(self, scope: Scope | None) -> bytes:
        """See `KeyProvider`."""
        key = self._keys.sealing(scope)
        if scope is None or not scope.user:
            return key
        return derived_key(key, self._secret(scope.namespace, scope.user), b"user")

    def opening(self, scope: Scope | None) -> Sequence[bytes]:
        """See `KeyProvider`."""
        keys = self._keys.opening(scope)
        if scope is None or not scope.user:
            return keys
        secret = self._read(self._path(scope.namespace, scope.user))
        return [derived_key(key, secret, b"user") for key in keys] if secret else []

    def drop(self, user: str, namespace: str = "") -> bool:
        """Delete a user's secret: whatever was sealed for the user can no longer be read. False if
        there was none. Raises InputError if it cannot be deleted."""
        path = self._path(namespace, user)
        try:
            with path.open("r+b") as file:  # over its bytes, if the file system writes in place
                file.write(bytes(KEY))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise InputError(f"{path} cannot be deleted: {error.strerror}") from error
        _sync(self._folder)
        return True

    def _path(self, namespace: str, user: str) -> Path:
        """The user's file: its name is a hash, so that any name has one."""
        name = blake2b(f"{namespace}\0{user}".encode(), digest_size=16).hexdigest()
        return self._folder / f"{name}.key"

    def _secret(self, namespace: str, user: str) -> bytes:
        path = self._path(namespace, user)
        found = self._read(path)
        if found is None:
            _create(path, new_key())
            found = self._read(path)
        if found is None:
            raise InputError(f"{path} was deleted as it was made; try again")
        return found

    def _read(self, path: Path) -> bytes | None:
        try:
            found = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from error
        if len(found) != KEY or not any(found):
            raise InputError(f"{path} is damaged: it is not a secret of {KEY} bytes; restore it")
        return found


def environment_keys(environment: Mapping[str, str]) -> KeyProvider | None:
    """The keys that the environment names, None if it names none: `OPTIMEM_KEY` holds one, or
    several with spaces or commas between them; `OPTIMEM_KEY_FILE` is a file with one a line. The
    first seals, all open. `OPTIMEM_USER_KEYS` is the folder of `UserKeys`. Raises InputError for
    what is not a key and for both at once."""
    given, file = environment.get(KEY_VARIABLE, ""), environment.get(FILE_VARIABLE, "")
    folder = environment.get(USERS_VARIABLE, "")
    if given and file:
        raise InputError(f"{KEY_VARIABLE} and {FILE_VARIABLE} are both set; unset one of them")
    if not given and not file:
        if folder:
            raise InputError(f"{USERS_VARIABLE} is set without {KEY_VARIABLE}; set that too")
        return None
    found = (_file_text(file) if file else given).replace(",", " ").split()
    if not found:
        raise InputError(
            f"{FILE_VARIABLE + ': ' + file if file else KEY_VARIABLE} holds no key; put one there "
            "with `optimem new-key`, or unset it"
        )
    ring = Keyring(*found)
    return UserKeys(ring, folder) if folder else ring


def _file_text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8-sig")  # some editors begin a file with a mark
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds no text of keys"
        raise InputError(f"{FILE_VARIABLE}: {path} cannot be read: {reason}") from None


def _key(given: bytes | str) -> bytes:
    """The bytes of a key. No message shows them."""
    if isinstance(given, str) and _HEX.fullmatch(given):
        return bytes.fromhex(given)
    if isinstance(given, str):
        try:
            plain = given.replace("-", "+").replace("_", "/").rstrip("=")
            given = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except ValueError:
            given = b""
    if not isinstance(given, bytes) or len(given) != KEY:
        raise InputError(
            f"a key is {KEY} random bytes, in text 64 hexadecimal digits or base64, never a "
            "password; make one with `optimem new-key`"
        )
    return given


def _create(path: Path, secret: bytes) -> None:
    """Make a file with a secret, whole and on the disk, unless somebody else has just done so."""
    draft = path.with_suffix(f".{os.urandom(6).hex()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # fails if the file is there
    except FileExistsError:
        pass
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
