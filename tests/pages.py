"""Pages followed in a hurry: the same commands, with as little weather as will do. `walk` follows
them as they stand."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
from contextlib import redirect_stdout
from pathlib import Path

import pytest
import walk as walking
from walk import ELLIPSIS, FENCE, environment
from walk import run as real_run

from commands import ran

QUOTED = re.compile(r"'[^']*'|\"[^\"$`\\\\]*\"")
SHELL = re.compile(r"[|<>;&$`*?\[\](){}!#]|^(?!simroute |cd )(?<!\\\n).", re.M)
"""What a process would not do as a shell does, and what is no command of ours."""
ALONE = dict.fromkeys(("compare", "replay", "run", "tune"), ("--workers", "1"))
"""Worker processes change no bit, and take longer to start than what is played here."""
LITTLE = {
    "compare": ["--replications", "2", "scenario.workload.rate=0.02"],
    "replay": ["--replications", "2", "--to", "20m"],
    "tune": ["--evaluations", "16", "--confirm", "2", "scenario.horizon=5m"],
}


def hurried(page: Path) -> list[str]:
    """What a page says that is not so, a sentence each: how a command ends, and the heads of the
    tables that it prints. Works where it is called."""
    problems, output = [], ""
    for found in FENCE.finditer(page.read_text(encoding="utf-8")):
        language, title, body = found[1], found[2] or "", found[3]
        line = page.read_text(encoding="utf-8").count("\n", 0, found.start()) + 1
        if language in ("yaml", "python") and "." in title:
            Path(title).parent.mkdir(parents=True, exist_ok=True)
            Path(title).write_text(body, encoding="utf-8")
        elif language == "python":
            output = executed(body)
        elif language == "sh":
            wanted = int(title.removeprefix("exit status ")) if title else 0
            output = ""
            for text in body.replace("\\\n", "").splitlines():
                status, said = done(text)
                output += said
                # so few requests may decide otherwise
                if status != wanted and not (status == 1 and "--assert" in text):
                    problems.append(
                        f"{page.name}:{line}: {text} ended with {status}: {said[-2000:]}"
                    )
        elif language == "text":
            # with other figures there may be room for other columns, so all of them are printed
            known = [set(each.split()) for each in output.splitlines() if _is_head(each)]
            problems += [
                f"{page.name}:{line}: no such head: {head}"
                for head in filter(_is_head, body.splitlines())
                if not any(set(head.split()) - {ELLIPSIS} <= words for words in known)
            ]
    return problems


def _is_head(line: str) -> bool:
    return line.startswith("policy ")


def done(text: str) -> tuple[int, str]:
    """How a line of a shell ends, and what it prints. Studies are made small."""
    words = shlex.split(text)
    if words[0].startswith("COLUMNS="):
        words.pop(0)  # all columns are printed
    if words[0] == "cd":
        os.chdir(words[1])
        return 0, ""
    if words[0] == "simroute" and ">" not in words:
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("COLUMNS", "200")
            ended = ran(*words[1:], *LITTLE.get(words[1], []), *ALONE.get(words[1], []))
        return ended.returncode, ended.stdout + ended.stderr
    shell = subprocess.run(
        ["sh", "-c", text],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return shell.returncode, shell.stdout


def followed(page: Path, folder: Path) -> list[str]:
    """What `walk` finds wrong on a page; its plain commands are run in this process."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(walking, "run", _run)
        patched.setenv("NO_COLOR", "1")
        return walking.walk(page, folder).problems


def _run(language: str, title: str, body: str, here: Path) -> tuple[str, str, Path]:
    """As `walk.run`, which has what a shell is needed for."""
    lines = body.replace("\\\n", "").splitlines()
    if language != "sh" or title or any(map(SHELL.search, [QUOTED.sub("", body)])):
        return real_run(language, title, body, here)
    output = ""
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(here)
        for line in lines:
            first, *words = shlex.split(line)
            if first == "cd":
                os.chdir(*words)
                continue
            ended = ran(*words, *ALONE.get(words[0], []), together=True)
            output += ended.stdout
            if ended.returncode:
                problem = f"ended with {ended.returncode}, not 0: {line}\n{ended.stdout[-2000:]}"
                return output, problem, Path.cwd()
        return output, "", Path.cwd()


def executed(program: str) -> str:
    """What a program in Python prints."""
    out = io.StringIO()
    with redirect_stdout(out):
        exec(program, {"__name__": "__main__"})
    return out.getvalue()


def commands(page: Path) -> list[str]:
    """Every line of its shell blocks."""
    return [
        line
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
        for line in block.splitlines()
    ]
