"""Words of a command line: scenario=, policy=, overrides, files of a log, ranges of a search."""

from __future__ import annotations

from dataclasses import dataclass, field

EXAMPLES = {"scenario": "scenario=demo", "policy": "policy=failover"}


@dataclass
class Words:
    """The words by their kinds. `scenario` and `policy` are as typed, "" where they are missing;
    `problems`: one line for each word that is wrong."""

    scenario: str = ""
    policy: str = ""
    overrides: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    ranges: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def policies(self) -> list[str]:
        """The names in policy=."""
        return split_names(self.policy)

    def require(self, *problems: str) -> None:
        """Checks that scenario= and policy= are there, and that nothing is wrong. Raises
        InputError."""
        meant = {word: text for word in self.overrides if (text := _meant(word, self))}
        named = {text.partition("=")[0] for text in meant.values()}
        missing = [
            f"{key}= is missing: name one, such as {example}"
            for key, example in EXAMPLES.items()
            if not getattr(self, key) and key not in named
        ]
        bare = [f"{word}: did you mean {text}?" for word, text in meant.items()]
        raise_all([*self.problems, *bare, *missing, *problems])


def parse_words(words: tuple[str, ...], has_files: bool = False, has_ranges: bool = False) -> Words:
    """Words by their kinds; a word of no other kind is an override. `has_files`: a word without an
    equals sign is a file; `has_ranges`: tune.LAYER.KEY=… is a range."""
    parsed = Words()
    for word in words:
        key, equals, value = word.partition("=")
        if has_ranges and key.startswith("tune."):
            _add_range(parsed, key, value if equals else None)
        elif equals and key in EXAMPLES:
            setattr(parsed, key, value)
        elif has_files and not equals and not word.startswith(("~", "+")):
            parsed.files.append(word)
        else:
            parsed.overrides.append(word)
    return parsed


def _meant(word: str, parsed: Words) -> str:
    """The word that names what a bare name is of, such as `scenario=demo`; "" if it is none."""
    if not word.replace(",", "").replace("_", "").isalnum():
        return ""
    from simroute.config import catalogue

    names = split_names(word)
    if not parsed.scenario and word in catalogue.list_names("scenarios"):
        return f"scenario={word}"
    if names and set(names) <= {*catalogue.list_names("policies")}:
        return f"policy={','.join([*parsed.policies, *names])}"
    return ""


def _add_range(parsed: Words, key: str, value: str | None) -> None:
    name = key.removeprefix("tune.")
    if value is None:
        parsed.problems.append(f"{key}: no range is given; write {key}=LOW..HIGH")
    if name in parsed.ranges:
        parsed.problems.append(f"{key} is given twice")
    parsed.ranges[name] = value or ""


def split_names(text: str) -> list[str]:
    """Names with commas between them."""
    return [name for name in text.split(",") if name]


def parse_metrics(show: str | None) -> list[str]:
    """The metrics that --show names. Raises InputError."""
    if show is None:
        return []
    from simroute.cli.terminal import brief
    from simroute.errors import nearest
    from simroute.metrics import METRICS

    names = [name.strip() for name in show.split(",") if name.strip()]
    problems = [
        f"--show: no metric is called {brief(name)!r}; {nearest(name, METRICS)}"
        for name in names
        if name not in METRICS
    ]
    if not names:
        problems = ["--show: name at least one metric, such as --show detection_s,latency_p95_s"]
    raise_all(problems)
    return list(dict.fromkeys(names))


def raise_all(problems: list[str]) -> None:
    """Raises InputError if there are problems."""
    from simroute.errors import InputError

    if problems:
        raise InputError(*problems)


def refuse_with_config(options: list[str], what: str = "configuration", comma: str = " ") -> None:
    """Refuses words and options beside --config, which has its own. Raises InputError."""
    if options:
        raise_all([f"--config reruns a {what} as it is; remove {comma.join(options)}"])
