"""Stores and files of other weights, written anew by the shipped ones."""

from dataclasses import replace
from pathlib import Path

import pytest

from optimem import OpticalMemory, TokenFile, compress, read_pages, reencode_file
from optimem.build import caching, nano_codec, old_codec
from optimem.errors import FingerprintError, FormatError, InputError
from optimem.memory.decay import DAY
from optimem.protocols import PageCodec
from optimem.testing.pages import PlainModel, PlainRenderer
from optimem.tiers import Tier
from optimem.turns import Turn
from tests.memory.factories import NOW, SCOPE
from tests.memory.upkeep.test_reencoding import SpacedRenderer

FADED = "The harbour of Bergen is open in winter, says Ann to whoever asks her. " * 30
FRESH = "The port of staging is 6543; ünïcode, 漢字 and\ttabs come back too. " * 30


def plain(name: str, renderer: PlainRenderer | None = None, lost: int = 0) -> PageCodec:
    model = PlainModel({Tier.TINY: lost} if lost else {}, fingerprint=name)
    return PageCodec(renderer or PlainRenderer(), model, model)


def test_a_store_of_other_weights(other_weights: Path) -> None:
    wrote = caching(old_codec(other_weights))
    with OpticalMemory.open(":memory:", codec=wrote, policy="tiny=10y") as old:
        old.append(SCOPE, Turn(text=FADED, id="faded"), now=NOW)
        old.flush(SCOPE, now=NOW)
        old.sweep(now=NOW + 40 * DAY)
        old.append(SCOPE, Turn(text=FRESH, id="fresh"), now=NOW + 40 * DAY)
        old.flush(SCOPE, now=NOW + 40 * DAY)
        before = old.reconstruct(SCOPE, now=NOW)
        new = OpticalMemory(old.store, nano_codec(), policy=old.policy)
        with new:
            with pytest.raises(FingerprintError, match="optimem reencode"):
                new.reconstruct(SCOPE)
            assert new.reencode(str(other_weights)).pages == 2
            after = new.reconstruct(SCOPE, now=NOW)
    assert [turn.tier for turn in after] == ["tiny", "large"]
    assert after[1].exact
    assert [(t.id, t.time, t.exact) for t in after] == [(t.id, t.time, t.exact) for t in before]
    pairs = zip(before[0].text, after[0].text, strict=True)
    assert all(now in (was, "\ufffd") for was, now in pairs)  # no doubtful one becomes certain


@pytest.mark.parametrize("tier", [Tier.SMALL, Tier.TINY])
def test_a_file_of_another_model(tmp_path: Path, tier: Tier) -> None:
    path, text = tmp_path / "notes.omem", "notes of bergen, by Ann " * 60
    old = plain("old", lost=5)
    compress(text, tier, old).file.save(path)
    read = "".join(r.text for r in read_pages(TokenFile.load(path), old))
    for new in (plain("new", lost=9), plain("spaced", SpacedRenderer(), lost=3)):
        size = path.stat().st_size
        assert reencode_file(path, old, codec=new, dry_run=True).pages > 0
        assert path.stat().st_size == size
        report = reencode_file(path, old, codec=new)
        assert (report.bytes_before, report.bytes_after) == (size, path.stat().st_size)
        file = TokenFile.load(path)
        assert (file.fingerprint, file.tier) == (new.encoder.fingerprint, tier)
        assert "".join(r.text for r in read_pages(file, new)) == read
        assert (read == text) == file.complete == (tier is Tier.SMALL)
        assert reencode_file(path, old, codec=new).current == len(file.pages)
        old = new


def test_a_file_needs_the_model_that_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "notes.omem"
    file = compress("some notes", Tier.BASE, plain("old")).file
    file.save(path)
    before = path.read_bytes()
    for source in (None, plain("third")):
        with pytest.raises(FingerprintError, match=r"'old', which is needed.*--from-weights"):
            reencode_file(path, source, codec=plain("new"))
    assert path.read_bytes() == before
    replace(file, pages=[]).save(path)
    with pytest.raises(InputError, match="no pages"):
        reencode_file(path, plain("old"), codec=plain("new"))


def test_a_source_that_is_none_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "weights.zst"
    broken.write_bytes(b"no weights")
    with OpticalMemory.open(":memory:", codec=plain("new")) as memory:
        for source in (broken, tmp_path / "missing.zst"):
            with pytest.raises(FormatError, match="cannot be read as a weights file"):
                memory.reencode(source)
        with pytest.raises(InputError, match="no model is called"):
            memory.reencode("nano-7")
