"""Makes the subsets of Noto that ship in renderers/fonts: `python docs/fonts.py CORE CJK EMOJI`.

CORE: the folder of Debian's fonts-noto-core 20201225-1; CJK: NotoSansCJK-Regular.ttc of
fonts-noto-cjk 1:20220127+repack1-1; EMOJI: NotoEmoji_400Regular.ttf of npm's
@expo-google-fonts/noto-emoji 0.4.7. Needs fontTools (`pip install fonttools`).

A subset has what DejaVu and Droid lack, and whole scripts where letters join or stack. Hints are
left out: pages are drawn without.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

FONTS = Path(__file__).parent.parent / "renderers" / "fonts"
DROPPED_TABLES = ["DSIG", "STAT", "MATH", "vhea", "vmtx", "VORG", "BASE", "meta"]
JOINED = ("Arabic", "NKo")
"""Scripts in which one face must draw whole words, also the letters that DejaVu has."""

KEYCAPS = frozenset(map(ord, "0123456789#*"))
"""What an emoji of a key is made of, beside U+20E3: the face that draws the key needs them."""

JAPANESE, KOREAN = 0, 1  # faces of the CJK collection
ALWAYS = {0x200C, 0x200D, 0x25CC}  # joiners, and the dotted circle under a mark that stands alone

SCRIPTS = (
    "Arabic", "Armenian", "Bengali", "Devanagari", "Ethiopic", "Georgian", "Gujarati", "Gurmukhi",
    "Hebrew", "Kannada", "Khmer", "Lao", "Malayalam", "Myanmar", "Oriya", "Sinhala", "Tamil",
    "Telugu", "Thaana", "Thai", "Tibetan", "Javanese", "Sundanese", "Mongolian", "NKo", "Syriac",
    "Tifinagh", "Yi", "CanadianAboriginal", "Cherokee", "OlChiki", "MeeteiMayek", "Adlam", "Lisu",
)  # fmt: skip
SYMBOLS = ("Symbols", "Symbols2", "Math")


def is_hangul(code: int) -> bool:
    """Whether a code point is a Korean letter or syllable."""
    blocks = ((0x1100, 0x11FF), (0x3130, 0x318F), (0xA960, 0xA97F), (0xAC00, 0xD7FF))
    return any(first <= code <= last for first, last in (*blocks, (0xFFA0, 0xFFDF)))


def known(name: str) -> set[int]:
    """The code points of a font that ships."""
    (path,) = FONTS.glob(f"{name}.*tf")
    return set(TTFont(path, lazy=True).getBestCmap())


def cut(source: Path, name: str, keep: Callable[[int], bool], number: int = -1) -> None:
    """Write the subset of a font that has the code points to keep."""
    options = Options()
    options.hinting = options.glyph_names = options.legacy_kern = False
    options.layout_features = options.layout_scripts = options.name_IDs = ["*"]
    options.name_languages = [0x409]
    options.drop_tables += DROPPED_TABLES
    font = TTFont(source, fontNumber=number)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=filter(keep, font.getBestCmap()))
    subsetter.subset(font)
    suffix = "otf" if "CFF " in font else "ttf"
    path = FONTS / f"{name}.{suffix}"
    font.save(path)
    print(f"{path.name}: {len(font.getBestCmap())} code points, {path.stat().st_size:,} bytes")


def cut_scripts(core: Path) -> None:
    """The letters of each script, and the Latin, Greek and Cyrillic ones that are rare."""
    shipped = known("DejaVuSans")
    for script in SCRIPTS:
        family = "NotoSerif" if script == "Tibetan" else "NotoSans"
        own = set() if script in JOINED else shipped - ALWAYS
        cut(core / f"{family}{script}-Regular.ttf", f"Noto{script}", lambda c, o=own: c not in o)
    marks = range(0x300, 0x370)
    source = core / "NotoSans-Regular.ttf"
    cut(source, "NotoLatin", lambda c: c not in shipped or c in marks)


def cut_symbols(core: Path, drawn: set[int]) -> None:
    """Signs that no other font has."""
    for name in SYMBOLS:
        taken = frozenset(drawn)
        cut(core / f"NotoSans{name}-Regular.ttf", f"Noto{name}", lambda c, t=taken: c not in t)
        drawn |= known(f"Noto{name}")


def main() -> None:
    """Write all subsets."""
    core, cjk, emoji = map(Path, sys.argv[1:])
    cut_scripts(core)
    cut(emoji, "NotoEmoji", lambda c: c > 0xFF or c in KEYCAPS)
    cut(cjk, "NotoHangul", is_hangul, KOREAN)
    drawn = known("DejaVuSans") | known("DroidSansFallback")
    rare = lambda c: c > 0x2E00 and c not in drawn and not is_hangul(c)  # noqa: E731
    cut(cjk, "NotoHan", rare, JAPANESE)
    for name in (*SCRIPTS, "Latin", "Emoji", "Hangul", "Han"):
        drawn |= known(f"Noto{name}")
    cut_symbols(core, drawn)


if __name__ == "__main__":
    main()
