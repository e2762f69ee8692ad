"""The composition root: what it puts together, and when."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from optimem import build
from optimem.errors import FormatError, InputError
from optimem.model import NANO
from optimem.model.nano.model import NanoModel
from optimem.model.nano.page_codec import NanoCodec
from optimem.model.nano.sizes import NanoConfig
from optimem.model.nano.weights import save_weights
from optimem.prompts.rules import PageShape
from optimem.protocols import PageCodec, ReadCells, VisionTokens
from optimem.renderers.dense import DenseRenderer
from optimem.renderers.escapes import Escapes
from optimem.renderers.ruled import RuledRenderer
from optimem.store.sqlite import SQLiteStore
from optimem.tiers import Tier
from optimem.turns import Turn


def test_the_embedded_model_is_one_for_the_process() -> None:
    codec = build.named_codec(NANO)
    assert isinstance(codec.renderer, DenseRenderer)
    assert codec.encoder is codec.decoder is build.nano() is build.named_codec(NANO).encoder
    assert isinstance(codec.decoder, NanoCodec)


def test_a_folder_or_a_hub_name_is_read_from_ruled_pages(tmp_path: Path) -> None:
    for name in (str(tmp_path), "someone/some-model"):
        codec = build.named_codec(name)
        assert isinstance(codec.renderer, RuledRenderer)
        assert codec.encoder is codec.decoder
        assert build.named_codec(name) is codec


@pytest.mark.parametrize("name", ["gpt-9", "", "no/such/folder"])
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"no model is called {name!r}; choose {NANO}, or"):
        build.named_codec(name)


def test_a_checkpoint_that_is_missing_is_named_when_it_is_needed(tmp_path: Path) -> None:
    codec, images = build.named_codec(str(tmp_path)), build.image_reader(str(tmp_path))
    with pytest.raises(InputError, match="tokenizer"):
        _ = codec.encoder.fingerprint
    image = tmp_path / "scan.png"
    Image.new("RGB", (64, 64)).save(image)
    with pytest.raises(InputError, match="tokenizer"):
        next(images.read(image, lambda name: False))


def test_a_caching_codec_reads_a_page_once() -> None:
    codec, read = build.nano_codec(), []

    class Counting:
        def read(self, tokens: Sequence[VisionTokens]) -> list[ReadCells]:
            read.extend(tokens)
            return codec.decoder.read(tokens)

    caching = build.caching(PageCodec(codec.renderer, codec.encoder, Counting()))
    page = codec.renderer.page(codec.renderer.cells("Boats."))
    (tokens,) = caching.encoder.encode([page], Tier.TINY)
    first, second = (caching.decoder.read([tokens])[0] for _ in range(2))
    assert read == [tokens]
    assert first.ids.tolist() == second.ids.tolist()


def test_a_store_is_taken_as_it_is_and_an_address_opened(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "a.db")
    assert build.store_at(store) is store
    store.close()
    opened = build.store_at(tmp_path / "b.db")
    assert isinstance(opened, SQLiteStore)
    assert (tmp_path / "b.db").exists()
    opened.close()


def test_the_default_store_is_the_variables_or_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTIMEM_STORE", "redis://elsewhere")
    assert build.default_store() == "redis://elsewhere"
    monkeypatch.delenv("OPTIMEM_STORE")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert Path(build.default_store()) == tmp_path / "optimem" / "memory.db"
    assert (tmp_path / "optimem").is_dir()


def test_prompt_pages_are_drawn_once() -> None:
    draw, shape = build.page_drawer(), PageShape(768, 768)
    turns = [Turn(text="Thirty boats came in. " * 40, role="user")]
    (page,) = draw(turns, shape, 12)
    assert page.png.startswith(b"\x89PNG")
    assert draw(turns, shape, 12)[0] is page
    assert draw(turns, shape, 16)[0] is not page


def test_weights_of_another_spelling_are_read_with_its_pages(tmp_path: Path) -> None:
    renderer, path = DenseRenderer(Escapes()), tmp_path / "older.safetensors.zst"
    alphabet = renderer.alphabet
    sizes = replace(NanoConfig(), symbols=len(alphabet), common=alphabet.common)
    info = save_weights(NanoModel(sizes), renderer.version, alphabet.symbols, path)
    codec = build.old_codec(path)
    assert codec.renderer.version == renderer.version
    assert codec.encoder.fingerprint == info.fingerprint
    (tokens,) = codec.encoder.encode([codec.renderer.page(codec.renderer.cells("漢"))], Tier.TRACE)
    assert len(codec.decoder.read([tokens])[0].ids) == 6
    save_weights(NanoModel(sizes), "dense-9", (), path)
    with pytest.raises(FormatError, match="trained on pages of dense-9"):
        build.old_codec(path)


def test_a_server_alone_answers_but_cannot_encode(tmp_path: Path) -> None:
    images = build.image_reader(None, "vllm+http://127.0.0.1:9")
    with pytest.raises(InputError, match=r"cannot encode new ones.*--images"):
        images.reader  # type: ignore[attr-defined]  # noqa: B018
    assert not images.takes(b"")
