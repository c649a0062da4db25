"""The command."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

from simroute.testing import conformance
from simroute.testing.conformance import judge, read_file

USAGE = "usage: python -m simroute.testing.conformance FILE…"


def main(files: list[str]) -> int:
    """Print the verdicts of all files; 0, 1 when an item fails, 2 when a file is none."""
    if not files or {"-h", "--help"} & set(files):
        told = f"\n{conformance.__doc__}" if files else ""
        (sys.stdout if files else sys.stderr).write(f"{USAGE}\n{told}")
        return 0 if files else 2
    words: Counter[str] = Counter()
    unreadable = False
    for file in files:
        try:
            items, remarks = read_file(Path(file))
        except ValueError as error:
            sys.stderr.write(f"{error}\n")
            unreadable = True
            continue
        for remark in remarks:
            sys.stderr.write(f"{file}: {remark}\n")
        for verdict in judge(items):
            words[verdict.word] += 1
            sys.stdout.write(f"{verdict}\n")
            if verdict.remark:
                sys.stderr.write(f"{file}: {verdict.remark}\n")
    sys.stdout.write(f"{words['pass']} passed, {words['fail']} failed, {words['skip']} skipped\n")
    return 2 if unreadable else int(words["fail"] > 0)


if __name__ == "__main__":
    try:
        status = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)
