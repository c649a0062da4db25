"""The command."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from simroute.testing.conformance import judge, read_items


def main(files: list[str]) -> int:
    """Print the verdicts of all files; 0, 1 when an item fails, 2 when a file is none."""
    if not files:
        sys.stderr.write("usage: python -m simroute.testing.conformance FILE…\n")
        return 2
    words: Counter[str] = Counter()
    unreadable = False
    for file in files:
        try:
            items = read_items(Path(file))
        except ValueError as error:
            sys.stderr.write(f"{error}\n")
            unreadable = True
            continue
        for verdict in judge(items):
            words[verdict.word] += 1
            sys.stdout.write(f"{verdict}\n")
    sys.stdout.write(f"{words['pass']} passed, {words['fail']} failed, {words['skip']} skipped\n")
    return 2 if unreadable else int(words["fail"] > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
