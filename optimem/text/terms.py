"""The terms of a text that search goes by: words, stemmed and folded, as 32-bit hashes."""

import re
import unicodedata
from functools import lru_cache
from zlib import crc32

from optimem.protocols import REPLACEMENT

_UNSPACED = (  # Thai, Lao; Burmese; Khmer; kana; Chinese characters; Hangul; compatibility forms
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
)
_WORD = re.compile(rf"[{_UNSPACED}]+|(?:(?![{_UNSPACED}])[\w{REPLACEMENT}])+")
_WRITTEN_TOGETHER = re.compile(rf"[{_UNSPACED}]")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
_VOICED = "\u3099\u309a"  # marks that make another kana, not an accent
STOP_WORDS = re.compile(
    "an?|about|all|also|am|an|and|any|are|as|at|be|been|being|but|by|can|could|did|do|does|doing|"
    "each|few|for|from|had|has|have|having|he|her|hers|him|his|how|i|if|in|into|is|it|its|me|more|"
    "most|my|no|nor|not|of|on|or|other|our|ours|out|own|same|shall|she|should|so|some|such|than|"
    "that|the|their|theirs|them|then|there|these|they|this|those|to|too|us|very|was|we|were|what|"
    "when|where|which|while|who|whom|whose|why|will|with|would|you|your|yours"
)
"""English words that say nothing of what a turn is about: the function words of Snowball's list
(snowballstem.org, BSD), those of questions among them."""


@lru_cache(maxsize=1 << 16)
def _stem(word: str) -> str:
    """A word without its English ending. Each has a stemmer of its own, for they keep the word
    in themselves while they work, and pages are indexed in a thread beside the caller's."""
    import snowballstemmer

    return str(snowballstemmer.stemmer("english").stemWord(word))


def terms(text: str) -> list[int]:
    """32-bit hashes of the words of a text: case and accents folded, English endings and
    stop words off, identifiers also by their parts (`readTimeout`, `HTTP_404`). Scripts that
    are written without spaces count by pairs of characters. Words with an unreadable
    character are left out."""
    found: list[str] = []
    for word in _WORD.findall(_without_accents(text)):
        if REPLACEMENT in word:
            continue
        if _WRITTEN_TOGETHER.match(word):
            found += [word[i : i + 2] for i in range(max(len(word) - 1, 1))]
        elif not STOP_WORDS.fullmatch(word.casefold()):
            found += {part.casefold() for part in (word, *_PART.findall(word))}
    return [crc32(_stem(word).encode()) for word in found]


def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text)
    kept = (c for c in decomposed if c in _VOICED or not unicodedata.combining(c))
    return unicodedata.normalize("NFC", "".join(kept))
