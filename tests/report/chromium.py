"""A page in chromium, by its debugging pipe (the DevTools protocol): no driver, no network."""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
SECONDS = 60.0
"""How long the browser may be silent."""
MARKS = (
    ".scatterlayer .trace path, .scatterlayer .trace .point, .barlayer .point path, "
    ".heatmaplayer image"
)
"""What data is drawn with."""
UNFOLD = "document.querySelectorAll('section > details').forEach(fold => fold.open = true)"
DRAWN = (
    "[...document.querySelectorAll('[data-figure]')].every("
    "chart => chart.dataset.drawn || !chart.checkVisibility())"
)
MISSING = "no chromium: install Debian's chromium to check reports in a browser"
IS_REQUIRED = os.environ.get("SIMROUTE_BROWSER") == "required"
browser = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM or IS_REQUIRED), reason=MISSING),
]
"""Marks of tests that need one."""
thorough = [
    pytest.mark.browser,
    pytest.mark.skipif(not IS_REQUIRED, reason="looks at every page: make test-browser"),
]
"""Marks of those that take minutes."""


def _beyond_four(descriptor: int) -> int:
    """The same file under a number that the browser's own two, 3 and 4, do not replace."""
    copy = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return copy


class Chromium:
    """One browser with one page. A context manager."""

    def __init__(self, folder: Path) -> None:
        """`folder`: for the browser's own files."""
        if CHROMIUM is None:
            pytest.fail(MISSING)
        theirs_in, self._out = map(_beyond_four, os.pipe())
        self._in, theirs_out = map(_beyond_four, os.pipe())
        command = [CHROMIUM, *QUIET, f"--user-data-dir={folder}", "--remote-debugging-pipe"]
        # the browser reads its descriptor 3 and writes 4
        shell = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out} {theirs_in}<&- {theirs_out}>&-'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, "chromium", *command, "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._buffer, self._number, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        attached = self._send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._send(f"{domain}.enable")

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._out)  # it ends with its pipe
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)

    def open(
        self,
        path: Path,
        width: int = 1280,
        dark: bool = False,
        *,
        script: bool = True,
        unfold: bool = True,
    ) -> None:
        """Loads a page afresh, with its sections unfolded, and waits until it is drawn."""
        self.visit(path.as_uri(), width, dark, script=script)
        self.wait("document.documentElement.dataset.ready === 'yes'" if script else "true")
        if script and unfold:
            self.evaluate(UNFOLD)
            self.wait(DRAWN)

    def visit(self, url: str, width: int, dark: bool, *, script: bool = True) -> None:
        """Loads any page afresh."""
        self._load("about:blank")
        self.events.clear()
        self._send("Emulation.setScriptExecutionDisabled", value=not script)
        self._send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=1000,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.set_theme(dark)
        self._load(url)

    def set_theme(self, dark: bool) -> None:
        """What the reader prefers."""
        theme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._send("Emulation.setEmulatedMedia", features=theme)

    def evaluate(self, body: str, *values: Any) -> Any:
        """What a function with this body returns for these values, its `arguments`."""
        listed = ", ".join(map(json.dumps, values))
        answer = self._send(
            "Runtime.evaluate",
            expression=f"(function() {{ {body} }})({listed})",
            returnByValue=True,
            awaitPromise=True,
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until an expression is true."""
        deadline = time.monotonic() + SECONDS
        while not self.evaluate(f"return {condition}"):
            assert time.monotonic() < deadline, f"{condition}: never; {self.complaints()}"
            time.sleep(0.05)

    def press(self, key: str, text: str = "", shift: bool = False) -> None:
        """A key, down and up."""
        code = {"Tab": 9, "Enter": 13}[key]
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self._send(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                modifiers=8 if shift else 0,
                **more,
            )

    def complaints(self) -> list[str]:
        """Errors and warnings of the page since it was opened."""
        self.evaluate("")  # what was sent before its answer has come by then
        found = []
        for event in self.events:
            method, params = event["method"], event["params"]
            if method == "Runtime.exceptionThrown":
                found.append(json.dumps(params)[:500])
            elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(params["entry"]["text"])
            elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
                found.append(json.dumps(params["args"])[:500])
        return found

    def requests(self) -> list[str]:
        """Addresses that the page asked for, beside itself."""
        self.evaluate("")
        urls = [
            event["params"]["request"]["url"]
            for event in self.events
            if event["method"] == "Network.requestWillBeSent"
        ]
        assert any(url.startswith("file:") for url in urls), "the page itself is among them"
        return [url for url in urls if not url.startswith(("file:", "data:", "blob:"))]

    def _load(self, url: str) -> None:
        self._send("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def _send(self, method: str, **params: Any) -> Any:
        """The result of a command; events that come before it are kept."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            if "method" in answer:
                self.events.append(answer)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], SECONDS)
            assert ready, "the browser is silent"
            chunk = os.read(self._in, 1 << 20)
            assert chunk, "the browser has ended"
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\0")
        answer: dict[str, Any] = json.loads(line)
        return answer
