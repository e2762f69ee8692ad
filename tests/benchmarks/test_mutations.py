"""Mutations: forged and damaged bytes are read or refused by name, and the command sees if not."""

from contextlib import suppress
from random import Random

import pytest

from benchmarks import mutations
from benchmarks.mutations import main, mutated
from benchmarks.victims import HIDDEN, Victim, victims
from optimem.errors import FormatError
from optimem.items import serialization
from optimem.omem.container import ContainerKind, unpack_container
from optimem.testing import plain_codec


def test_all_that_is_stored_is_read_or_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cases", "2500", "--seed", "7"]) == 0
    assert "  read\n" in capsys.readouterr().out


def test_every_kind_is_attacked_and_half_the_checksums_are_right() -> None:
    attacked, draw = victims(plain_codec()), Random(3)
    elsewhere = {ContainerKind.SENT, ContainerKind.DIGEST}  # tests/omem/test_forged.py forges them
    assert {victim.kind for victim in attacked} == set(ContainerKind) - elsewhere
    right = 0
    for _ in range(400):
        victim = draw.choice(attacked)
        data = mutated(victim, draw)
        with suppress(FormatError), unpack_container(victim.kind, data, place=victim.place):
            right += 1
    assert 150 < right < 300


def test_what_is_untouched_is_read_everywhere() -> None:
    for victim in victims(plain_codec()):
        victim.parse(victim.data)
        reads = victim.reads(victim.data)
        assert reads
        for read in reads:
            read()


def test_what_is_hidden_is_forged_under_the_secret() -> None:
    draw = Random(5)
    hidden = [victim for victim in victims(plain_codec()) if victim.masks]
    assert {victim.kind for victim in hidden} == set(HIDDEN)
    accepted = 0
    for _ in range(300):
        victim = draw.choice(hidden)
        with suppress(FormatError):
            victim.parse(mutated(victim, draw))
            accepted += 1
    assert accepted > 20


def test_an_error_without_a_name_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def careless(data: bytes, place: bytes) -> object:
        raise KeyError("a field")

    monkeypatch.setattr(mutations, "victims", only_items(victims(plain_codec())))
    monkeypatch.setattr(serialization, "unpack_head", careless)
    assert main(["--cases", "40"]) == 1
    assert "KeyError" in capsys.readouterr().out


def only_items(attacked: list[Victim]) -> object:
    items = [victim for victim in attacked if victim.kind is ContainerKind.ITEM]
    return lambda codec: items
