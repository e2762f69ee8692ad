"""Generated texts come back to the letter, here and from a reader in another number format."""

from benchmarks.exactness import READERS, SEPARATOR, generated_texts, measure


def test_generated_texts_hold_any_character_but_the_separator() -> None:
    texts = list(generated_texts(2000))
    characters = set("".join(texts))
    assert {"\0", "\t", "a", "\u0301"} <= characters
    assert any("\u4e00" <= char <= "\u9fff" for char in characters)
    assert any("\U0001f300" <= char <= "\U0001faff" for char in characters)
    assert SEPARATOR not in characters
    assert not any("\ud800" <= char <= "\udfff" for char in characters)


def test_texts_are_exact_in_another_number_format_and_batch() -> None:
    (_, row) = measure(40, [READERS[1]])
    assert row[0] == "fp32, 1 thread, page by page"
    assert row[-1] == "0"
