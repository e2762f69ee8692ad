"""The fonts that ship with the package, with their licences. Knows nothing but their paths."""

from pathlib import Path

from optimem.errors import InputError

SCRIPT_FONTS = (
    "NotoLatin", "NotoArabic", "NotoHebrew", "NotoDevanagari", "NotoBengali", "NotoHangul",
    "NotoThai", "NotoTamil", "NotoTelugu", "NotoGujarati", "NotoKannada", "NotoMalayalam",
    "NotoGurmukhi", "NotoOriya", "NotoMyanmar", "NotoEthiopic", "NotoSinhala", "NotoKhmer",
    "NotoLao", "NotoTibetan", "NotoGeorgian", "NotoArmenian", "NotoJavanese", "NotoSundanese",
    "NotoMongolian", "NotoThaana", "NotoSyriac", "NotoNKo", "NotoAdlam", "NotoTifinagh",
    "NotoCherokee", "NotoCanadianAboriginal", "NotoYi", "NotoLisu", "NotoOlChiki",
    "NotoMeeteiMayek", "NotoHan", "NotoEmoji", "NotoSymbols", "NotoSymbols2", "NotoMath",
)  # fmt: skip
"""Subsets of Noto, made by docs/fonts.py: the letters and signs that DejaVu and Droid lack."""

FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono-Oblique",
    "DroidSansFallback",
    *SCRIPT_FONTS,
)
"""DejaVu covers Latin, Greek, Cyrillic, Hebrew and symbols; Droid covers Chinese and Japanese."""

OPENTYPE = ("NotoHangul", "NotoHan")
"""Fonts with PostScript outlines, half as large here."""


def font_path(name: str) -> Path:
    """The file of one of `FONTS`. Raises InputError for another name."""
    if name not in FONTS:
        raise InputError(f"there is no font {name!r}; choose one of {', '.join(FONTS)}")
    return Path(__file__).parent / f"{name}.{'otf' if name in OPENTYPE else 'ttf'}"
