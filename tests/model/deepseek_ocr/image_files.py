"""PDFs of one's own making, whole and otherwise, and images."""

from pathlib import Path

import numpy as np
from PIL import Image

PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] >>"
LOCK = b"<< /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >>" % (b"41" * 32, b"42" * 32)


def write_image(path: Path, width: int = 120, height: int = 90, seed: int = 0) -> Path:
    """A image of noise, in the format of its suffix."""
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def write_pdf(path: Path, pages: int = 2, *, locked: bool = False, missing: bool = False) -> Path:
    """A PDF of empty pages, each one point wider than the one before. `locked`: with a password;
    `missing`: it counts a last page that is not there."""
    first = 4
    kids = b" ".join(b"%d 0 R" % (first + at) for at in range(pages + missing))
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, pages + missing),
        LOCK if locked else b"<< >>",
        *(PAGE % (100 + at, 80) for at in range(pages)),
    ]
    data, starts = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        starts.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % start for start in starts)
    lock = b"/Encrypt 3 0 R /ID [<00> <00>] " if locked else b""
    size = len(parts) + 1
    trailer = b"trailer << /Size %d /Root 1 0 R %s>>" % (size, lock)
    end = b"startxref\n%d\n%%%%EOF\n" % len(data)
    path.write_bytes(data + b"xref\n0 %d\n%s%s\n%s" % (size, table, trailer, end))
    return path
