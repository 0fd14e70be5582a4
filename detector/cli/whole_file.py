"""Writing a file: whole under its name, or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

from detector.errors import OutputError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_whole(output: str, write: Callable[[BinaryIO], object], *, option: str = "--output") -> None:
    """Have ``write`` fill a file that lies aside until it is whole. Raises OutputError; nothing is written then.

    What is there and no file, such as ``/dev/null`` or a pipe, is written to and never replaced.
    """
    path = Path(output)
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            with path.open("wb") as there:
                write(there)
            return
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as aside:
            try:
                write(aside)  # type: ignore[arg-type]  # it is one
                aside.flush()
                os.fsync(aside.fileno())
                Path(aside.name).chmod(0o666 & ~_umask())
                Path(aside.name).replace(path)
            except BaseException:
                Path(aside.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        fix = "make room" if error.errno in _FULL else f"choose another {option}"
        raise OutputError(f"writing {output}: {error.strerror or error}; {fix}; nothing was written") from error


def _umask() -> int:
    """What files are usually made without; asking sets it, so it is set back."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
