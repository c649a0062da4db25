"""clients.yaml: who may call, known by the hash of a token."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from simroute.config import schema
from simroute.core.params import Doc, Name
from simroute.errors import InputError
from simroute.live.files import read_entries

DIGEST = re.compile(r"[0-9a-f]{64}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
PREFIX = "sr-"


@dataclass(frozen=True)
class Client:
    """Whoever has the token. What is stated here holds whatever a body says."""

    sha256: Annotated[Name, Doc("of the token, in hexadecimal digits")]
    feature: Annotated[Name | None, Doc("what the calls are for")] = None
    task: Annotated[Name | None, Doc("which kind of work they are")] = None


class Clients:
    """Who is who by token. None at all means that nobody needs one."""

    def __init__(self, entries: Mapping[str, Client]) -> None:
        self._by_digest = {client.sha256: (name, client) for name, client in entries.items()}

    def __len__(self) -> int:
        return len(self._by_digest)

    def known(self, authorization: str) -> tuple[str, dict[str, str]] | None:
        """Name and tags of a caller, by an Authorization header; None for a stranger."""
        if not self._by_digest:
            return "", {}
        scheme, _, token = authorization.partition(" ")
        # hashes are compared, so the time that it takes says nothing of a token
        entry = self._by_digest.get(
            hashlib.sha256(token.strip().encode(errors="replace")).hexdigest()
        )
        if scheme.lower() != "bearer" or entry is None:
            return None
        name, client = entry
        tags = {"feature": client.feature, "task": client.task}
        return name, {key: value for key, value in tags.items() if value is not None}


def read_clients(source: str | Path | Mapping[str, Any] | None) -> Clients:
    """The clients of a file, or of entries by name. Raises InputError with every mistake."""
    if source is None:
        return Clients({})
    document = read_entries(source, "client")
    clients: dict[str, Client] = {}
    owners: dict[str, Any] = {}
    problems: list[str] = []
    for name, data in document.data.items():
        try:
            client = clients[str(name)] = schema.build(Client, data, document, (str(name),))
        except InputError as error:
            problems += error.lines
            continue
        where = f"{document.where((str(name), 'sha256'))}: {name}.sha256"
        if not DIGEST.fullmatch(client.sha256):
            problems.append(f"{where}: expected 64 digits 0-9 a-f; serve --new-client makes one")
        elif owners.setdefault(client.sha256, name) != name:
            problems.append(f"{where}: another client has the same token")
    if problems:
        raise InputError(*problems)
    return Clients(clients)


def new_client(name: str) -> tuple[str, str]:
    """A new token, and the lines of clients.yaml that make it known. Raises InputError."""
    if not NAME.fullmatch(name):
        raise InputError(f"--new-client: {name!r} is no name of letters, digits, '.', '_' and '-'")
    token = PREFIX + secrets.token_urlsafe(32)
    digest = hashlib.sha256(token.encode()).hexdigest()
    return token, f"{name}: {{sha256: {digest}}}"
