"""What a place may hold where a small file is expected: refused before it is read."""

from __future__ import annotations

import errno


class OddFileError(OSError):
    """Something that is not read: larger than such a file may be, or no file at all, such as a pipe."""

    @classmethod
    def too_large(cls, path: str, size: int, most: int) -> OddFileError:
        """A file of ``size`` bytes, where ``most`` are allowed."""
        return cls(errno.EFBIG, f"{path} has {size:,} bytes, more than the {most:,} that it may have")

    @classmethod
    def no_file(cls, path: str) -> OddFileError:
        """A pipe, a device, a socket: reading it may never end."""
        return cls(errno.EINVAL, f"{path} is not a regular file")
