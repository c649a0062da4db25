"""failoverbench's published scorecard beside ours: writes failoverbench.md.

python docs/failovers.py

The scorecard is in ../shared/vectors, beside the checkout; it is not part of simroute.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simroute.testing.conformance.failoverbench.cells import play_cell, results
from simroute.testing.conformance.failoverbench.scorecard import cells, differences, parse
from simroute.testing.conformance.verdict import Differs

ROOT = Path(__file__).parent
SCORECARD = ROOT.parent.parent / "shared" / "vectors" / "failoverbench.json"
WORDS = "pass", "partial", "safe", "fail"
SHORT = {
    "bifrost_2.1.1": "bifrost",
    "litellm_router_tuned": "tuned",
    "portkey_oss_1.15.2": "portkey",
    "reference_client": "reference",
}
INTRODUCTION = """# failoverbench, published and simulated

What ten clients and gateways did against one provider that misbehaves in sixteen ways,
published on 2026-09-12 ([failoverbench](https://github.com/failoverbench/failoverbench),
results CC BY 4.0, commits 2948563 and 8256936), and what our presets do against the same faults
in virtual time. Made by `python docs/failovers.py`; the scorecard is not part of simroute.

```sh
python -m simroute.testing.conformance ../shared/vectors/failoverbench.json
```

A cell says the verdict, attempts at the primary and at its fallback, and seconds to the end:
**p** above, as published; *s* below, simulated. It holds if some draw of the preset's stated
jitter gives it: verdict and attempts exact, the first gap to a tenth, the total within .3 s or
5 %. What is shown is the nearest draw: the middle of the jitter where that holds.

Any file of this form is played: a fault is what its name says (a status, once or persistent, with
`Retry-After 5 s`; `500 three times`; `stream stalls after 20 tokens for 20 s`; ...), the set-up and
the tolerance are what its `setup` and `tolerance` say, as published where they say nothing, and a
system is the preset of its name, version aside, or a policy such as `layered`. Where a preset has
the value that the benchmark sets, as its number of tries, its own counts. A cell that fails says
which figures differ; what of `setup`, `tolerance` or `totals` is not understood, or not so, is told
on stderr.
"""
VERDICTS = """## The verdicts

The benchmark's words and its own checks (`scenarios/catalogue.yaml`, methodology 0.1):

- **fail**: the caller was told that all is well with half an answer; had heard nothing when it left
  (after 20 to 130 s, by fault); or a check failed that is required:
    - more than two attempts in 1.5 s where Retry-After says when (S01), more than four in 3 s at a
      rate limit (S02), more than six at a provider that keeps refusing (S02, S04, S16);
    - more than a time limit for each try and 10 s for a hang (S06), 45 s for a stall (S09), 8 s for
      an answer without an end mark (S11);
    - a second attempt with a prompt that is too long or was refused (S12, S13);
    - of an outage (S15), with a fallback: a request that was not answered, or the primary not back
      within 30 s.
- **safe**: an honest error. Of a prompt that a content filter refused (S13) that is a pass.
- **pass**: the whole answer; **partial** instead, if
    - the primary was not asked again, or before nine tenths of Retry-After (S01);
    - somebody else was asked where one more try was enough (S03), but not after a broken
      connection (S05);
    - a provider that hangs was asked again (S06);
    - a slow first token took more than 15 s though there was a fallback (S07);
    - a refused prompt was shopped around (S13).

What layers know ends at the bytes: that Portkey ends a broken stream as if it were complete,
and that the SDKs' parsers give up at a malformed event where others skip it, is a property of
the client in the runner, not of the policy. So Portkey's three failures are told of it, not
found. So are the seconds before a client's first attempt, which the provider's log of the published
runs has: .3 s at the first fault of each Python process (OpenAI's client, LiteLLM's Router), 0.95 s
at each fault of DeepSeek's harness and .62 s more at its first.
"""


def scorecard() -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Cells, and titles by fault."""
    content = json.loads(SCORECARD.read_text(encoding="utf-8"))
    titles = {title.split()[0]: title.split(" ", 1)[1] for title in content["scorecard"]}
    return cells(content), titles


def nearest(item: dict[str, Any]) -> Any:
    """The first draw that is as published, else the one with the fewest differences."""
    wanted, best = parse(item["published"]), None
    for result in results(item):
        off = len(differences(wanted, result))
        if best is None or off < best[0]:
            best = off, result
        if not off:
            break
    assert best is not None
    return best[1]


def short(published: str) -> str:
    """A cell in few words."""
    result = parse(published) if isinstance(published, str) else published
    if result.served is not None:
        return f"{result.verdict} {result.served[0]}/{result.served[1]} +{result.back or 0:.0f} s"
    total = f"{result.total:.1f}"
    return f"{result.verdict} {result.primary}p {result.fallback}f {total}"


def tables() -> Iterator[str]:
    """The cells of all systems, and the sums of their verdicts."""
    items, titles = scorecard()
    known: dict[str, dict[str, tuple[str, str]]] = {}
    sums: dict[str, tuple[Counter[str], Counter[str]]] = {}
    for item in items:
        result = nearest(item)
        known.setdefault(item["fault"], {})[item["system"]] = item["published"], short(result)
        published, ours = sums.setdefault(item["system"], (Counter(), Counter()))
        published[parse(item["published"]).verdict] += 1
        ours[result.verdict] += 1
    names = sorted(sums, key=lambda name: (name != "direct", name == "reference_client", name))
    half = (len(names) + 1) // 2
    for part in (names[:half], names[half:]):
        yield f"| | {' | '.join(SHORT.get(name, name) for name in part)} |"
        yield "| --- " * (len(part) + 1) + "|"
        for fault, row in known.items():
            shown = " | ".join(
                f"**p** {short(row[name][0])}<br>*s* {row[name][1]}" for name in part
            )
            yield f"| {fault} {titles[fault]} | {shown} |"
        yield ""
    yield "## Sums\n"
    yield "| pass, partial, safe, fail | published | simulated |"
    yield "| --- | --- | --- |"
    for name in names:
        both = [", ".join(str(count[word]) for word in WORDS) for count in sums[name]]
        yield f"| {SHORT.get(name, name)} | {both[0]} | {both[1]} |"
    yield ""
    yield from differing(items)


def differing(items: list[dict[str, Any]]) -> Iterator[str]:
    """Cells that do not hold, with what comes instead."""
    differ = []
    for item in items:
        try:
            play_cell(item)
        except Differs as difference:
            differ.append(f"- {item['id']}: {difference}.")
    yield f"{len(items) - len(differ)} of {len(items)} cells hold."
    yield from ["\n## What differs\n", *differ] if differ else []


def page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *tables(), "", VERDICTS])


if __name__ == "__main__":
    (ROOT / "failoverbench.md").write_text(page(), encoding="utf-8")
