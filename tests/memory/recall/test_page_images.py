"""A page by its name, as it is stored."""

import pytest

from optimem.errors import PageError, UnknownPageError
from optimem.testing import open_memory, plain_codec
from optimem.tiers import Tier
from optimem.turns import Turn

SCOPE = "work/ann/monday"


async def test_the_vision_tokens_of_a_page_are_handed_out() -> None:
    codec = plain_codec()
    with open_memory(codec=codec) as memory:
        memory.append(SCOPE, Turn(text="y" * 390))
        memory.flush(SCOPE)
        (page,) = memory.newest_pages(SCOPE)
        tokens = memory.page_tokens(SCOPE, page.page)
        (read,) = codec.decoder.read([tokens])
        assert codec.renderer.text(read).text.strip() == "y" * 390
        assert (tokens.tier.label, tokens.fingerprint) == (page.tier, codec.encoder.fingerprint)
        assert await memory.apage_tokens(SCOPE, page.page) == tokens
        with pytest.raises(UnknownPageError, match="holds no page 'none'"):
            memory.page_tokens(SCOPE, "none")


def test_a_page_stored_as_text_has_none() -> None:
    with open_memory(codec=plain_codec(dict.fromkeys(Tier, 1))) as memory:
        memory.append(SCOPE, Turn(text="q" * 80))
        memory.flush(SCOPE)
        (page,) = memory.newest_pages(SCOPE)
        assert page.tier == "text"
        with pytest.raises(PageError, match="is stored as text"):
            memory.page_tokens(SCOPE, page.page)
