"""Does what a page tells its reader to do, in a folder of its own: `python docs/walk.py PAGE.md …`
also renews the outputs that the page shows.

In a page, ```yaml or ```python with title="FILE" is written to that file; other ```python and every
```sh is run, one after another; a ```text behind it shows what came out. In such an output a line
`…` stands for any number of lines, `…` at the end of a line for the rest of it; figures may differ
by one in the last digit, or by 1 %.
A shell block titled "exit status N" must end with N. ```bash and all else is only to be read.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FENCE = re.compile(r'^```(\w+)(?: title="([^"]*)")?\n(.*?)^```$', re.M | re.S)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
LONGEST = 300  # seconds of one block
ELLIPSIS = "…"


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
    """The shown lines with their figures as they are in the output, and what differs."""
    there = iter(output.splitlines())
    made, problems = [], []
    for line in shown.splitlines():
        real = line if line.strip() in ("", ELLIPSIS) else like(line, there)
        if real is None:
            return shown, [f"no such line in the output: {line!r}; it was\n{output}"]
        if not close(line, real):
            problems.append(f"shows {line.strip()!r}, and it is {real.strip()!r}")
        made.append(real.rstrip())
    return "\n".join(made) + "\n", problems


def like(line: str, there: Iterator[str]) -> str | None:
    """The next line that differs from this one in figures alone, cut where this one is."""
    start = line.removesuffix(f" {ELLIPSIS}")
    cut = line[len(start) :]
    for real in there:
        if skeleton(real) == skeleton(start):
            return real + cut
        if cut and (found := re.match(r"\s*" + pattern(start), real)):
            return found[0] + cut
    return None


def pattern(start: str) -> str:
    """What matches a line that begins like this but for its figures."""
    return r"\s+".join(
        NUMBER.pattern.join(map(re.escape, NUMBER.split(word))) for word in start.split()
    )


def skeleton(line: str) -> str:
    return NUMBER.sub("#", " ".join(line.split()))


def close(shown: str, real: str) -> bool:
    """Whether the figures of two such lines agree."""
    return all(near(a, b) for a, b in zip(NUMBER.findall(shown), NUMBER.findall(real), strict=True))


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
