"""Keys: from text, from the environment, and one for each user."""

import base64
from collections.abc import Mapping
from pathlib import Path

import pytest

from optimem.errors import InputError
from optimem.store.keys import Keyring, UserKeys, environment_keys
from optimem.store.sealing import KEY
from optimem.turns import Scope

FIRST, SECOND = bytes(range(32)), bytes(range(200, 232))
ANN = Scope(namespace="n", user="ann", session="s")
BOB = Scope(namespace="n", user="bob", session="s")


@pytest.mark.parametrize(
    "text",
    [
        SECOND.hex(),
        SECOND.hex().upper(),
        base64.b64encode(SECOND).decode(),
        base64.urlsafe_b64encode(SECOND).decode().rstrip("="),
    ],
)
def test_a_key_in_text(text: str) -> None:
    assert Keyring(text).sealing(None) == SECOND


@pytest.mark.parametrize("key", ["", "password", "0" * 63, FIRST[:31], FIRST + b"x", "é" * 32])
def test_what_is_no_key_is_refused_and_not_shown(key: str | bytes) -> None:
    with pytest.raises(InputError, match="optimem new-key") as caught:
        Keyring(key)
    assert not key or str(key) not in str(caught.value).replace("a password", "")


def test_the_first_key_seals_and_all_open() -> None:
    ring = Keyring(FIRST, SECOND)
    assert ring.sealing(ANN) == FIRST
    assert list(ring.opening(ANN)) == [FIRST, SECOND]
    with pytest.raises(InputError, match="needs a key"):
        Keyring()


def test_the_environment_names_keys(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"\ufeff{FIRST.hex()}\n\n{SECOND.hex()}\n", "utf-8")
    for environment in (
        {"OPTIMEM_KEY": f"{FIRST.hex()}, {SECOND.hex()}"},
        {"OPTIMEM_KEY_FILE": str(file)},
    ):
        found = environment_keys(environment)
        assert found
        assert list(found.opening(None)) == [FIRST, SECOND]
    users = environment_keys({"OPTIMEM_KEY": FIRST.hex(), "OPTIMEM_USER_KEYS": str(tmp_path / "u")})
    assert isinstance(users, UserKeys)
    assert environment_keys({}) is None


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"OPTIMEM_KEY": FIRST.hex(), "OPTIMEM_KEY_FILE": "f"}, "both set"),
        ({"OPTIMEM_KEY": " "}, "OPTIMEM_KEY holds no key"),
        ({"OPTIMEM_KEY_FILE": "/dev/null"}, "OPTIMEM_KEY_FILE: /dev/null holds no key"),
        ({"OPTIMEM_KEY_FILE": "/no/such/file"}, "No such file"),
        ({"OPTIMEM_KEY_FILE": "/bin/sh"}, "no text of keys"),
        ({"OPTIMEM_USER_KEYS": "folder"}, "without OPTIMEM_KEY"),
    ],
)
def test_an_environment_that_names_none(environment: Mapping[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        environment_keys(environment)


class TestUserKeys:
    def test_each_user_has_a_key_that_lasts_until_it_is_dropped(self, tmp_path: Path) -> None:
        keys = UserKeys(Keyring(FIRST), tmp_path / "users")
        ann, bob = keys.sealing(ANN), keys.sealing(BOB)
        assert len({ann, bob, FIRST}) == 3
        again = UserKeys(Keyring(FIRST), tmp_path / "users")
        assert again.sealing(ANN) == ann
        assert again.opening(ANN) == [ann]
        assert again.sealing(ANN.model_copy(update={"session": "t"})) == ann
        assert again.sealing(None) == again.sealing(Scope(session="s")) == FIRST
        assert again.drop("ann", "n")
        assert keys.opening(ANN) == []
        assert keys.opening(BOB) == [bob]
        assert not again.drop("ann", "n")
        assert keys.sealing(ANN) != ann

    def test_the_folder_alone_tells_nothing(self, tmp_path: Path) -> None:
        keys = UserKeys(Keyring(FIRST, SECOND), tmp_path)
        key = keys.sealing(ANN)
        (file,) = tmp_path.iterdir()
        assert "ann" not in file.name
        assert key not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0
        assert list(UserKeys(Keyring(SECOND, FIRST), tmp_path).opening(ANN))[1] == key

    @pytest.mark.parametrize("bytes_", [b"", bytes(KEY), b"x" * 31])
    def test_a_damaged_secret_is_named(self, tmp_path: Path, bytes_: bytes) -> None:
        keys = UserKeys(Keyring(FIRST), tmp_path)
        keys.sealing(ANN)
        (file,) = tmp_path.iterdir()
        file.write_bytes(bytes_)
        with pytest.raises(InputError, match="damaged"):
            keys.opening(ANN)

    def test_a_folder_that_cannot_be_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(InputError, match="cannot hold keys"):
            UserKeys(Keyring(FIRST), tmp_path / "file")
