"""deployments.yaml: where each model is reached, with which key, and what it costs."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from simroute.config import schema
from simroute.config.yaml_reader import Document
from simroute.core import Price, Target
from simroute.core.params import Count, Doc, Name, PerMinute, Positive
from simroute.errors import InputError
from simroute.live.files import read_entries
from simroute.models import spec
from simroute.models.billing import RateCard
from simroute.models.prices import catalogue_price, catalogue_window
from simroute.worlds.live.connections import Endpoint, is_public

ENDINGS = "/chat/completions", "/embeddings"
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/@+-]{0,199}")
RESERVED = frozenset({"authorization", "content-type", "content-length", "host", "accept-encoding"})
FROM_ENVIRONMENT = "env:"


@dataclass(frozen=True)
class LiveLimits:
    """What the provider grants. Calls beyond `concurrency` wait for one another, those beyond
    `queue` get 503."""

    rpm: Annotated[PerMinute | None, Doc("requests a minute, for the layer `limit`")] = None
    tpm: Annotated[PerMinute | None, Doc("tokens a minute, for the layer `limit`")] = None
    concurrency: Annotated[Positive | None, Doc("calls at a time; default: any number")] = None
    queue: Annotated[Count, Doc("calls that may wait for one of these")] = 0


@dataclass(frozen=True)
class LiveDeployment:
    """One entry of deployments.yaml."""

    provider: Name
    model: Name
    base_url: Annotated[Name, Doc("up to /chat/completions, e.g. https://api.openai.com/v1")]
    api_key_env: Annotated[Name | None, Doc("the environment variable that holds the key")] = None
    family: Annotated[Name | None, Doc("siblings have one; default: the model's first word")] = None
    domain: Annotated[Name | None, Doc("a region, for rules of who may see a request")] = None
    price: Annotated[spec.PriceList | None, Doc("default: the catalogue's")] = None
    limits: LiveLimits = field(default_factory=LiveLimits)
    max_input_tokens: Annotated[
        Positive | None, Doc("its context window; default: the catalogue's where it knows one")
    ] = None
    headers: Annotated[
        dict[Name, Name], Doc("further headers; env:VARIABLE reads one from the environment")
    ] = field(default_factory=dict)
    idempotency_header: Annotated[
        Name | None,
        Doc("by which it knows a repeated send, such as Idempotency-Key; default: it knows none"),
    ] = None
    private: Annotated[bool, Doc("its host may have an address that is not public")] = False
    insecure: Annotated[bool, Doc("http without TLS, to another machine than this one")] = False
    embeddings: Annotated[
        bool, Doc("it embeds questions for semantic caches, at base_url/embeddings; no target")
    ] = False


@dataclass(frozen=True)
class Fleet:
    """All deployments, ready to be called. embedder: by its name, the one that embeds, if any; it
    is no target. windows: tokens that a prompt may have, None where that is not known."""

    targets: Mapping[str, Target]
    prices: Mapping[str, Price]
    endpoints: Mapping[str, Endpoint]
    embedder: Mapping[str, tuple[Endpoint, Price]] = field(default_factory=dict)
    windows: dict[str, int | None] = field(default_factory=dict)


def read_fleet(source: str | Path | Mapping[str, Any]) -> Fleet:
    """The deployments of a file, or of entries by name. Raises InputError with every mistake."""
    document = read_entries(source, "deployment")
    fleet = Fleet({}, {}, {})
    problems: list[str] = []
    for name, data in document.data.items():
        if not NAME.fullmatch(str(name)):
            problems.append(f"{document.where((str(name),))}: {str(name)!r} is no name of a target")
            continue
        try:
            _add(fleet, str(name), data, document)
        except InputError as error:
            problems += error.lines
    if len(fleet.embedder) > 1:
        problems.append(f"{document.file}: embeddings: one embeds, not {', '.join(fleet.embedder)}")
    if not problems and not fleet.targets:
        problems.append(f"{document.file}: at least one deployment is needed that answers")
    if problems:
        raise InputError(*problems)
    return fleet


def _add(fleet: Any, name: str, data: Any, document: Document) -> None:
    entry: LiveDeployment = schema.build(LiveDeployment, data, document, (name,))
    problems = [
        f"{document.where((name, key))}: {name}.{key}: {line}"
        for key, line in (*_address_mistakes(entry), *_secret_mistakes(entry))
    ]
    price = None
    try:
        price = _price(entry)
    except ValueError as error:
        problems.append(f"{document.where((name, 'model'))}: {name}.model: {error}")
    if problems or price is None:
        raise InputError(*problems)
    limits = entry.limits
    endpoint = Endpoint(
        entry.base_url.rstrip("/"),
        entry.model,
        RateCard(price).bill,
        _secret(entry.api_key_env) if entry.api_key_env else "",
        {key: _header(value) for key, value in entry.headers.items()},
        limits.concurrency,
        limits.queue,
        entry.private or _is_loopback(urlsplit(entry.base_url).hostname or ""),
        entry.idempotency_header or "",
    )
    if entry.embeddings:
        fleet.embedder[name] = endpoint, price
        return
    family = entry.family or entry.model.split("/")[-1].split("-")[0].lower()
    fleet.targets[name] = Target(
        name,
        entry.provider,
        entry.model,
        family,
        limits.rpm,
        limits.tpm,
        domain=entry.domain or "",
        knows_repeats=entry.idempotency_header is not None,
    )
    fleet.prices[name] = price
    own = entry.max_input_tokens
    fleet.windows[name] = own or catalogue_window(entry.provider, entry.model)
    fleet.endpoints[name] = endpoint


def _price(entry: LiveDeployment) -> Price:
    if entry.price is not None:
        own = entry.price
        return Price(own.input, own.output, own.cached, own.written)
    return catalogue_price(entry.provider, entry.model, None)


def _address_mistakes(entry: LiveDeployment) -> Iterator[tuple[str, str]]:
    """(key, what would be right) of an address that cannot, or must not, be called."""
    try:
        url = urlsplit(entry.base_url)
        host, _ = url.hostname or "", url.port
    except ValueError:
        yield "base_url", "is no address; write https://HOST/v1"
        return
    if url.scheme not in ("http", "https") or not host or not entry.base_url.isprintable():
        yield (
            "base_url",
            "expected http:// or https:// and a host, such as https://api.openai.com/v1",
        )
        return
    if url.username is not None or url.password is not None:
        yield "base_url", "holds a user or a password; keys belong into api_key_env"
    if url.query or url.fragment:
        yield "base_url", "ends before any ? or #"
    for ending in ENDINGS:
        if url.path.rstrip("/").endswith(ending):
            yield "base_url", f"ends before {ending}, which is added"
    loopback = _is_loopback(host)
    if url.scheme == "http" and not (loopback or entry.insecure):
        yield "base_url", "is not encrypted; write https://, or insecure: true"
    if not loopback and not entry.private and _is_private(host):
        yield "base_url", "is an address inside a network; write private: true if that is meant"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _is_private(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:
        return False  # a name: looked at when it is looked up


def _secret_mistakes(entry: LiveDeployment) -> Iterator[tuple[str, str]]:
    """(key, what would be right) of keys and headers that cannot be sent."""
    if entry.api_key_env is not None:
        yield from (("api_key_env", line) for line in _variable_mistakes(entry.api_key_env))
    key_header = entry.idempotency_header
    if key_header is not None and not _may_set(key_header):
        yield "idempotency_header", f"{key_header!r} cannot be set here"
    elif key_header is not None and key_header.lower() in map(str.lower, entry.headers):
        yield (
            "idempotency_header",
            f"headers sends {key_header} with every call, the same each time; leave it out there",
        )
    for name, value in entry.headers.items():
        if not _may_set(name):
            yield "headers", f"{name!r} cannot be set here"
        elif value.startswith(FROM_ENVIRONMENT):
            variable = value.removeprefix(FROM_ENVIRONMENT)
            yield from (("headers", line) for line in _variable_mistakes(variable))
        elif not value.isprintable() or not value.isascii():
            yield "headers", f"the value of {name} has characters that no header can have"


def _may_set(header: str) -> bool:
    return HEADER.fullmatch(header) is not None and header.lower() not in RESERVED


def _variable_mistakes(name: str) -> Iterator[str]:
    """What is wrong with a secret of the environment; it is never shown."""
    if not os.environ.get(name, "").strip():
        yield f"the environment variable {name} is not set"
        return
    value = _secret(name)
    if not value.isprintable() or not value.isascii():
        yield f"the value of {name} has a line end or other characters that no key has"


def _secret(name: str) -> str:
    """The value of an environment variable; line ends and spaces around it are none of it."""
    return os.environ.get(name, "").strip()


def _header(value: str) -> str:
    return (
        _secret(value.removeprefix(FROM_ENVIRONMENT))
        if value.startswith(FROM_ENVIRONMENT)
        else value
    )
