"""The search terms of a text: its words, stemmed and folded, as 32-bit hashes."""

import re
import unicodedata
from functools import lru_cache
from zlib import crc32

from optimem.protocols import REPLACEMENT
from optimem.text.irregular import BASES

_UNSPACED = (  # Thai, Lao; Burmese; Khmer; kana; Chinese characters; Hangul; compatibility forms
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
)
_WORD = re.compile(rf"[{_UNSPACED}]+|(?:(?![{_UNSPACED}])[\w{REPLACEMENT}])+")
_UNSPACED_CHARACTER = re.compile(rf"[{_UNSPACED}]")
_CUT_SHORT = re.compile(
    r"\b(?:ca|wo|sha|ai)n['’]t\b|(?<=\w)(?:n['’]t|['’](?:s|d|m|ll|re|ve))\b", re.IGNORECASE
)
"""What an apostrophe cuts short: the possessive, "is", "not" and the like."""
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
_VOICED = "\u3099\u309a"  # marks that make another kana, not an accent
STOP_WORDS = re.compile(
    "an?|about|all|also|am|an|and|any|are|as|at|be|been|being|but|by|can|could|did|do|does|doing|"
    "each|few|for|from|had|has|have|having|he|her|hers|him|his|how|i|if|in|into|is|it|its|me|more|"
    "most|my|no|nor|not|of|on|or|other|our|ours|out|own|please|same|shall|she|should|so|some|such|than|"
    "that|the|their|theirs|them|then|there|these|they|this|those|to|too|us|very|was|we|were|what|"
    "when|where|which|while|who|whom|whose|why|will|with|would|you|your|yours"
)
"""English function words, which do not say what a turn is about; after Snowball's list
(snowballstem.org, BSD), question words and "please" included."""


@lru_cache(maxsize=1 << 16)
def _stem(word: str) -> str:
    """A word without its English ending. A stemmer holds the word it works on, and pages are
    indexed in a background thread, so each word gets a stemmer of its own."""
    import snowballstemmer

    return str(snowballstemmer.stemmer("english").stemWord(word))


def terms(text: str) -> list[int]:
    """32-bit hashes of a text's words, one for each time a word occurs.

    Case and accents are folded, English endings removed and stop words dropped, with "'s" and
    "n't". Irregular forms also count as what they are of ("sold" as "sell"), identifiers by their
    parts (`readTimeout`, `HTTP_404`), scripts without spaces by pairs of characters. Words with an
    unreadable character are left out."""
    return [term for word in _words(text) for term in _word_terms(word)]


def query_words(text: str) -> dict[int, str]:
    """The terms of a text, each with the word that it is of."""
    return {term: word for word in _words(text) for term in _word_terms(word)}


def _words(text: str) -> list[str]:
    return _WORD.findall(_CUT_SHORT.sub(" ", _without_accents(text)))


def _word_terms(word: str) -> list[int]:
    if REPLACEMENT in word:
        return []
    if _UNSPACED_CHARACTER.match(word):
        found = [word[i : i + 2] for i in range(max(len(word) - 1, 1))]
    elif STOP_WORDS.fullmatch(word.casefold()):
        found = []
    else:
        parts = {part.casefold() for part in (word, *_PART.findall(word))}
        found = [*parts, *(BASES[part] for part in parts if part in BASES)]
    return [crc32(_stem(each).encode()) for each in found]


def role_term(role: str) -> int:
    """A 32-bit hash that stands for a role, which no word of a text shares."""
    return crc32(b"\0\0" + role.encode())


def name_terms(name: str) -> list[int]:
    """32-bit hashes that stand for a speaker's name: of each of its words, folded, which no word of
    a text shares."""
    words = {word.casefold() for word in _WORD.findall(_without_accents(name))}
    return sorted(crc32(b"\0" + word.encode()) for word in words)


def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text)
    kept = (c for c in decomposed if c in _VOICED or not unicodedata.combining(c))
    return unicodedata.normalize("NFC", "".join(kept))
