"""The fonts that ship with the package, with their licences. Knows nothing but their paths."""

from pathlib import Path

from optimem.errors import InputError

FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono-Oblique",
    "DroidSansFallback",
)
"""DejaVu covers Latin, Greek, Cyrillic, Hebrew, Arabic and symbols; Droid covers CJK."""


def font_path(name: str) -> Path:
    """The TrueType file of one of `FONTS`. Raises InputError for another name."""
    if name not in FONTS:
        raise InputError(f"there is no font {name!r}; choose one of {', '.join(FONTS)}")
    return Path(__file__).parent / f"{name}.ttf"
