"""Space held back beside a SQLite file: deleting needs room in its log, so that without a reserve
nothing could be forgotten on a full disk.
"""

import os

SIZE = 4 << 20
"""Bytes held back."""


class Reserve:
    """A file of `SIZE` bytes that stands for nothing. Every failure to make one is ignored: on a
    disk that is full already there is none."""

    def __init__(self, path: str) -> None:
        self._path = f"{path}-reserve"

    def fill(self) -> None:
        """Make the file, unless it is there."""
        try:
            with open(self._path, "xb") as file:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, SIZE)
                else:
                    file.write(bytes(SIZE))  # not a hole, which would hold nothing back
        except FileExistsError:
            return
        except OSError:
            self.release()

    def release(self) -> bool:
        """Give its space back; False if there is no such file."""
        try:
            os.unlink(self._path)
        except OSError:
            return False
        return True
