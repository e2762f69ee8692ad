"""Mutations: forged and damaged bytes are read or refused by name, and the command sees if not."""

from contextlib import suppress
from random import Random

import pytest

from benchmarks import mutations
from benchmarks.mutations import main, mutated, victims
from optimem.errors import FormatError
from optimem.items import serialization
from optimem.omem.container import ContainerKind, unpack_container
from optimem.testing import plain_codec


def test_all_that_is_stored_is_read_or_refused_by_name() -> None:
    assert main(["--cases", "800", "--seed", "7"]) == 0


def test_every_kind_is_attacked_and_half_the_checksums_are_right() -> None:
    attacked, draw = victims(plain_codec()), Random(3)
    stored = {"PAGE", "CHUNK", "STATE", "INDEX", "TURN_NUMBER", "ITEM", "MARK", "TOKEN_FILE"}
    assert {victim.kind for victim in attacked} == {ContainerKind[name] for name in stored}
    right = 0
    for _ in range(400):
        victim = draw.choice(attacked)
        data = mutated(victim, draw)
        with suppress(FormatError), unpack_container(victim.kind, data, place=victim.place):
            right += 1
    assert 150 < right < 300


def test_an_error_without_a_name_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def careless(data: bytes, place: bytes) -> object:
        raise KeyError("a field")

    monkeypatch.setattr(serialization, "unpack_head", careless)
    monkeypatch.setattr(mutations, "victims", only_items(mutations.victims(plain_codec())))
    assert main(["--cases", "40"]) == 1
    assert "KeyError" in capsys.readouterr().out


def only_items(attacked: list[mutations.Victim]) -> object:
    items = [victim for victim in attacked if victim.kind is ContainerKind.ITEM]
    return lambda codec: items
