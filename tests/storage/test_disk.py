"""What goes wrong between a database and the disk."""

from pathlib import Path

import duckdb
import pytest

from simroute.storage.disk import translate_errors


def test_ctrl_c_while_the_database_reads_our_arrays_is_ctrl_c(tmp_path: Path) -> None:
    """duckdb wraps it as an error of its own, which must not pass for a full disk."""
    wrapped = "Traceback (most recent call last):\n  File …\nKeyboardInterrupt: "
    with pytest.raises(KeyboardInterrupt), translate_errors(tmp_path):
        raise duckdb.InvalidInputException(wrapped)


def test_a_full_disk_is_told_in_the_systems_words(tmp_path: Path) -> None:
    """With the file that could not be written."""
    with (
        pytest.raises(OSError, match="No space left on device") as caught,
        translate_errors(tmp_path),
    ):
        raise duckdb.IOException('Could not write file "x": No space left on device')
    assert caught.value.filename == str(tmp_path)
