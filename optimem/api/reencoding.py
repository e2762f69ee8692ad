"""An `.omem` file of another model, written anew."""

from pathlib import Path

from optimem import build
from optimem.errors import FingerprintError, InputError
from optimem.model import NANO
from optimem.omem.reencoding import reencode_file as write_anew
from optimem.omem.text import TokenFile
from optimem.protocols import PageCodec, Progress
from optimem.reports import ReencodeReport


def reencode_file(
    path: str | Path,
    source: str | Path | PageCodec | None = None,
    *,
    model: str = NANO,
    codec: PageCodec | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ReencodeReport:
    """Write an `.omem` file of text, which another model or other weights wrote, anew at its tier.

    `source`: what reads it, as in `OpticalMemory.reencode`. `model`, `codec`: what writes it, as in
    `compress`. The file is replaced as a whole; one of the model's own stays as it is. Exact text
    stays exact; of other text, what was certain stays as read and what was doubtful stays marked.
    `dry_run`: change nothing. `progress`: called with the pages written and all pages. Raises
    FingerprintError for a file that `source` did not write, InputError for a source that is no
    model, and what `TokenFile.load` and `TokenFile.save` raise.
    """
    codec, file = codec or build.named_codec(model), TokenFile.load(path)
    if file.fingerprint == codec.encoder.fingerprint:
        return ReencodeReport(current=len(file.pages))
    if not file.pages:
        raise InputError(f"{path} holds no pages; there is nothing to write anew")
    reader = None if source is None else build.old_codec(source)
    if reader is None or reader.encoder.fingerprint != file.fingerprint:
        given = f"{reader.encoder.fingerprint!r} was given" if reader else "none was given"
        raise FingerprintError(
            f"{path} was written by {file.fingerprint!r}, which is needed to read it, and {given}; "
            "name its weights (--from-weights) or the model (--from-model)"
        )
    old, encoders = Path(path).stat().st_size, {file.fingerprint: len(file.pages)}
    if dry_run:
        return ReencodeReport(pages=len(file.pages), encoders=encoders, bytes_before=old)
    size = write_anew(file, reader, codec, progress).save(path)
    return ReencodeReport(
        pages=len(file.pages), encoders=encoders, bytes_before=old, bytes_after=size
    )
