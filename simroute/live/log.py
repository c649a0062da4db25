"""Rows of a gateway on disk, as `replay` and `fit` read them; never the text of a prompt."""

from __future__ import annotations

import hashlib
import json
import os
import queue
import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from simroute.core import Target
from simroute.errors import InputError
from simroute.live.answered import RequestRow
from simroute.live.bodies import Key
from simroute.live.files import check_regular
from simroute.worlds.live import Row

MOST_WAITING = 10_000
"""Rows that wait to be written; further ones are lost, and counted."""
MOST_BYTES = 64_000_000
"""Bytes after which a file is full, and the next one begins."""
TABLES = ("requests", "attempts", "events")
SALT, SALT_BYTES = ".salt", 32
UNKNOWN = "-"


def name_of_run() -> str:
    """What tells this run of a gateway from all others: in each, requests count from 0."""
    return secrets.token_hex(4)


class RowLog:
    """Writes rows to `folder` in a thread of its own: a call never waits for a disk.

    targets: those of now, by name. epoch: seconds since 1970 at second 0 of the world's clock.
    lost: rows that could not be kept. Raises InputError for a folder that cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        targets: Callable[[], Mapping[str, Target]],
        epoch: float,
        most: int = MOST_BYTES,
    ) -> None:
        self.lost = 0
        self.targets = targets
        self._epoch = epoch
        self._run = name_of_run()
        self._tries: dict[int, list[Row]] = {}
        self._waiting: queue.Queue[tuple[str, dict[str, Any]] | None] = queue.Queue(MOST_WAITING)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._salt = _salt(folder / SALT)
            self._files = {table: _Rotated(folder, table, most) for table in TABLES}
        except OSError as error:
            raise InputError(f"--log: {folder} cannot be written ({error.strerror})") from None
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def add_attempt(self, row: Row) -> None:
        """An attempt has ended."""
        if row.request_id >= 0:
            self._tries.setdefault(row.request_id, []).append(row)
        times = {"start_s": row.start_s + self._epoch, "end_s": row.end_s + self._epoch}
        self._put("attempts", row._asdict() | times)

    def add_request(self, row: RequestRow) -> None:
        """A request has ended; its attempts have been told before."""
        request, outcome = row.request, row.outcome
        tries = sorted(self._tries.pop(request.id, []), key=lambda each: each.attempt)
        served = self.targets().get(outcome.target or "")
        ended = [each for each in tries if each.target == outcome.target]
        used = ended[-1] if ended else None
        ttft = row.ttft_s if request.streamed else None
        names = {"user": request.user, "session": request.session, "feature": request.feature}
        said = {
            "arrival_ns": round((request.arrival + self._epoch) * 1e9),
            "request_id": f"{self._run}-{request.id}",
            "input_tokens": used.input_tokens if used else request.input_tokens,
            "cached_tokens": used.cached_tokens if used else None,
            "output_tokens": used.output_tokens if used else 0,
            "provider": served.provider if served else None,
            "model": served.model if served else None,
            "streamed": request.streamed,
            "failed": outcome.status != 200,
            "status": outcome.status,
            "error": None if outcome.ok else outcome.error or None,
            "cause": outcome.cause or None,
            "latency_s": row.end_s - request.arrival,
            "ttft_s": None if ttft is None else ttft - request.arrival,
            "cost_usd": request.nano / 1e9,
            "cached": outcome.cached,
            "task": None if request.task == UNKNOWN else request.task,
            "question": self._hashed(request.key),
            "attempts": request.attempts,
            "tries": [self._try(each, request.arrival) for each in tries],
        }
        known = {name: value for name, value in names.items() if value != UNKNOWN}
        self._put("requests", said | known)

    def add_event(self, at: float, replica: int, event: str, *detail: Any) -> None:
        """A layer has said that something happened: (request, layer, target, words)."""
        request, layer, target, words = detail
        self._put(
            "events",
            {
                "t_s": at + self._epoch,
                "event": event,
                "request_id": request,
                "layer": layer,
                "target": target,
                "detail": words,
            },
        )

    def close(self) -> None:
        """Writes what waits, and ends."""
        self._waiting.put(None)
        self._thread.join(10.0)
        for file in self._files.values():
            with suppress(OSError):  # what a full disk did not take has been counted
                file.close()

    def _try(self, row: Row, arrival: float) -> dict[str, Any]:
        target = self.targets().get(row.target)
        return {
            "offset_s": row.start_s - arrival,
            "latency_s": row.end_s - row.start_s,
            "provider": target.provider if target else None,
            "model": target.model if target else row.target,
            "status": row.status,
            "error": row.error or None,
        }

    def _hashed(self, key: Any) -> str:
        """What is the same for equal requests of this log, and says nothing of them."""
        text = key.digest() if isinstance(key, Key) else repr(key).encode()
        return hashlib.blake2b(text, key=self._salt, digest_size=12).hexdigest()

    def _put(self, table: str, row: dict[str, Any]) -> None:
        try:
            self._waiting.put_nowait((table, row))
        except queue.Full:
            self.lost += 1

    def _write(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            table, row = waiting
            try:
                self._files[table].write(json.dumps(row, ensure_ascii=False, default=str))
                if self._waiting.empty():
                    for file in self._files.values():
                        file.flush()
            except (OSError, ValueError):
                self.lost += 1


class _Rotated:
    """Lines in files of bounded length: NAME-000001.jsonl, NAME-000002.jsonl …"""

    def __init__(self, folder: Path, name: str, most: int) -> None:
        self._folder, self._name, self._most = folder, name, most
        present = [path.stem.rpartition("-")[2] for path in folder.glob(f"{name}-*.jsonl")]
        self._number = max((int(each) for each in present if each.isdecimal()), default=0)
        self._open()

    def _open(self) -> None:
        self._number += 1
        path = self._folder / f"{self._name}-{self._number:06}.jsonl"
        try:
            self._file = path.open("x", encoding="utf-8")
        except FileExistsError:  # another gateway's
            self._open()

    def write(self, line: str) -> None:
        if self._file.tell() > self._most:
            self._file.close()
            self._open()
        self._file.write(line + "\n")

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _salt(path: Path) -> bytes:
    """The folder's salt, made the first time: for the eyes of its owner alone."""
    check_regular(path, f"--log: {path}")
    if not path.exists() or path.stat().st_size < SALT_BYTES:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(secrets.token_bytes(SALT_BYTES))
    return path.read_bytes()[:64]
