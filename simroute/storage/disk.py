"""What goes wrong between a database and the disk, in the operating system's own words."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KNOWN = (
    errno.ENOSPC,
    errno.EFBIG,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.EMFILE,
    errno.ENOENT,
)
INTERRUPTED = "Query interrupted"


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """duckdb's errors become OSError that names the file, and its way of telling Ctrl-C becomes
    KeyboardInterrupt."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        # pressed while duckdb read one of our arrays
        if KeyboardInterrupt.__name__ in str(error):
            raise KeyboardInterrupt from error
        raise system_error(error, path) from error
    except RuntimeError as error:
        if INTERRUPTED in str(error):
            raise KeyboardInterrupt from error
        raise


def system_error(error: Exception, path: Path) -> OSError:
    """What the system said, found in duckdb's message; else the first line of that."""
    text = str(error)
    for number in KNOWN:
        if os.strerror(number) in text:
            return OSError(number, os.strerror(number), str(path))
    return OSError(errno.EIO, text.strip().split("\n")[0][:200] or type(error).__name__, str(path))
