"""Does what a page tells its reader to do, in a folder of its own: `python docs/walk.py PAGE.md …`
also renews the outputs that the page shows.

In a page, ```yaml or ```python with title="FILE" is written to that file; other ```python and every
```sh is run, one after another; a ```text behind it shows what came out. In such an output a line
`…` stands for any number of lines, `…` at the end of a line for the rest of it; figures may differ
by one in the last digit, or by 1 %. Lines that are shown together are renewed as one piece: in the
order that they have now, and with those that have come between.
A shell block titled "exit status N" must end with N. ```bash and all else is only to be read.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import groupby
from pathlib import Path

FENCE = re.compile(r'^```(\w+)(?: title="([^"]*)")?\n(.*?)^```$', re.M | re.S)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
LONGEST = 600  # seconds of one block
ELLIPSIS = "…"
WIDEST = 2
"""Lines that are shown together are made whole up to so many times as many."""
ALIKE = 0.6
"""Of two lines so much is the same (0 to 1) if they are one."""


@dataclass
class Walk:
    """What came of a page: `problems`, one sentence each, and the page's `text` with the outputs as
    they are now."""

    text: str
    problems: list[str] = field(default_factory=list)


def walk(page: Path, folder: Path) -> Walk:
    """Follow a page in `folder`."""
    made = Walk(page.read_text(encoding="utf-8"))
    output, at, here = "", 0, folder
    parts: list[str] = []
    for found in FENCE.finditer(made.text):
        language, title, body = found[1], found[2] or "", found[3]
        line = made.text.count("\n", 0, found.start()) + 1
        if language in ("yaml", "python") and "." in title:
            file = here / title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(body, encoding="utf-8")
        elif language in ("sh", "python"):
            output, problem, here = run(language, title, body, here)
            made.problems += [f"{page.name}:{line}: {problem}"] if problem else []
        elif language == "text" and output:
            shown, differences = compared(body, output)
            made.problems += [f"{page.name}:{line}: {difference}" for difference in differences]
            parts += [made.text[at : found.start(3)], shown]
            at = found.end(3)
    made.text = "".join([*parts, made.text[at:]])
    return made


def run(language: str, title: str, body: str, here: Path) -> tuple[str, str, Path]:
    """What a block printed, what is wrong with how it ended, and the folder in which the next one
    goes on."""
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as place:
        shell = ["bash", "-euo", "pipefail", "-c", f'{body}\npwd -P > "{place.name}"']
        ended = subprocess.run(
            [sys.executable, "-c", body] if language == "python" else shell,
            cwd=here,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        there = place.read().strip()
    wanted = int(title.removeprefix("exit status ")) if title.startswith("exit status ") else 0
    problem = (
        ""
        if ended.returncode == wanted
        else f"ended with {ended.returncode}, not {wanted}: {body.strip()}\n{ended.stdout[-2000:]}"
    )
    return ended.stdout, problem, Path(there) if there else here


def environment() -> dict[str, str]:
    """That of a reader: the tools of this interpreter, no colours, nothing of pytest."""
    clean = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PYTEST", "COV", "COLUMNS"))
    }
    tools = str(Path(sys.executable).parent)
    return {
        **clean,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "NO_COLOR": "1",
        "PYTHONUTF8": "1",
    }


def compared(shown: str, output: str) -> tuple[str, list[str]]:
    """The shown lines as they are in the output now, and what differs. Lines that stand together,
    with neither `…` nor an empty line between, are a piece of the output, and are made whole."""
    real, made, problems, at = output.splitlines(), [], [], 0
    for told, piece in groupby(shown.splitlines(), lambda line: line.strip() not in ("", ELLIPSIS)):
        lines = list(piece)
        if not told:
            made += [line.strip() for line in lines]
            continue
        places = in_order(lines, real, at) or anywhere(lines, real, at)
        if None in places:
            lost = lines[places.index(None)]
            problems.append(f"no such line in the output: {lost!r}; it was\n{output}")
            made += lines
            continue
        found = dict(zip([place for place in places if place is not None], lines, strict=True))
        renewed = {place: as_shown(line, real[place]) for place, line in found.items()}
        problems += [
            f"shows {line.strip()!r}, and it is {renewed[place].strip()!r}"
            for place, line in found.items()
            if not close(line, renewed[place])
        ]
        if list(found) != sorted(found):
            problems.append(f"shows lines in another order than the output, from {lines[0]!r} on")
        first, at = min(renewed), max(renewed) + 1
        is_a_piece = at - first <= WIDEST * len(lines)
        made += [renewed.get(i, real[i]) for i in range(first, at) if is_a_piece or i in renewed]
    return "\n".join(line.rstrip() for line in made) + "\n", problems


def in_order(lines: list[str], real: list[str], at: int) -> list[int | None]:
    """Where each line is from `at` on, one after another; empty if they are not so."""
    places: list[int | None] = []
    for line in lines:
        place = next((i for i in range(at, len(real)) if is_like(line, real[i])), None)
        if place is None:
            return []
        places.append(place)
        at = place + 1
    return places


def anywhere(lines: list[str], real: list[str], at: int) -> list[int | None]:
    """Where each is from `at` on, whatever the order; else the first that begins like it."""
    places: list[int | None] = [None] * len(lines)
    for alike in (is_like, begins_like):
        for number, line in enumerate(lines):
            free = (i for i in range(at, len(real)) if i not in places)
            if places[number] is None:
                places[number] = next((i for i in free if alike(line, real[i])), None)
    return places


def is_like(line: str, real: str) -> bool:
    """Whether they differ in figures alone, as far as the line goes."""
    start = line.removesuffix(f" {ELLIPSIS}")
    if skeleton(real) == skeleton(start):
        return True
    return start != line and re.match(r"\s*" + pattern(start), real) is not None


def begins_like(line: str, real: str) -> bool:
    """Whether it is the same line with figures of another form, such as `58 s` for `1:02 min`."""
    a, b = skeleton(line), skeleton(real)
    return a.split(" ")[0] == b.split(" ")[0] and SequenceMatcher(None, a, b).ratio() > ALIKE


def as_shown(line: str, real: str) -> str:
    """The real line, cut where the shown one is."""
    start = line.removesuffix(f" {ELLIPSIS}")
    cut = line[len(start) :]
    found = re.match(r"\s*" + pattern(start), real) if cut else None
    return (found[0] if found is not None else real) + cut


def pattern(start: str) -> str:
    """What matches a line that begins like this but for its figures."""
    return r"\s+".join(
        NUMBER.pattern.join(map(re.escape, NUMBER.split(word))) for word in start.split()
    )


def skeleton(line: str) -> str:
    return NUMBER.sub("#", " ".join(line.split()))


def close(shown: str, real: str) -> bool:
    """Whether two lines are the same and their figures agree."""
    figures = zip(NUMBER.findall(shown), NUMBER.findall(real), strict=False)
    return skeleton(shown) == skeleton(real) and all(near(a, b) for a, b in figures)


def near(shown: str, real: str) -> bool:
    a, b = (float(text.replace(",", "")) for text in (shown, real))
    unit = 10.0 ** -len(shown.partition(".")[2])
    return abs(a - b) <= max(1.01 * unit if "." in shown else 0.0, 0.01 * abs(b))


def main(pages: list[str]) -> None:
    """Follow each page and write it with its outputs as they are now."""
    for name in pages:
        with tempfile.TemporaryDirectory() as folder:
            made = walk(Path(name), Path(folder))
        Path(name).write_text(made.text, encoding="utf-8")
        print("\n".join([*made.problems, f"{name}: followed"]))


if __name__ == "__main__":
    main(sys.argv[1:])
