"""Colours: the same for a policy in every report, told apart and visible in both themes."""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simroute.config.loading import load
from simroute.report import Picture, RunDocuments, colors, draw_pictures
from simroute.studies.comparison.evidence import page_evidence
from simroute.studies.run import run_study

REPORT = Path(colors.__file__).parent
PALETTES = {
    "policies": colors.POLICIES,
    "deployments": colors.DEPLOYMENTS,
    "kinds": colors.KINDS,
    "states": (colors.OK, colors.BAD, colors.LATE, colors.GREY),
}
SIGHTS = {
    "full": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
"""What linear RGB looks like (Machado, Oliveira and Fernandes 2009, severity 1.0)."""
CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
TOLD_APART = 0.03
"""Distance in OKLab (Ottosson 2020); 0.02 is just noticeable side by side."""


def linear(color):
    """Linear RGB of "#rrggbb" or "#rgb"."""
    digits = color[1:] if len(color) > 4 else "".join(2 * digit for digit in color[1:])
    share = np.array([int(digits[place : place + 2], 16) for place in (0, 2, 4)]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """WCAG 2's ratio of relative luminances."""
    light, dark = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other))[::-1]
    return (light + 0.05) / (dark + 0.05)


def distance(one, other, sight="full"):
    seen = [np.clip(SIGHTS[sight] @ linear(color), 0, 1) for color in (one, other)]
    first, second = (OKLAB @ np.cbrt(CONES @ color) for color in seen)
    return float(np.linalg.norm(first - second))


def papers():
    """Backgrounds of charts: pages and cards of both themes, as the style sheet has them."""
    style = (REPORT / "assets" / "style.css").read_text(encoding="utf-8")
    found = re.findall(r"--(?:page|card): (#[0-9a-f]+);", style)
    assert len(found) == 4
    return found


def test_the_measure_of_contrast_is_wcag_s():
    """Black on white is 21 : 1, grey #777777 is 4.48 : 1 (WCAG's own examples)."""
    assert contrast("#000000", "#fff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("palette", PALETTES)
def test_every_colour_is_visible_in_both_themes(palette):
    """At least 3 : 1 on pages and cards, light and dark."""
    ratios = {
        (color, paper): contrast(color, paper) for color in PALETTES[palette] for paper in papers()
    }
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 3} == {}


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("palette", PALETTES)
def test_the_colours_of_a_palette_are_told_apart(palette, sight):
    """By full sight and by each kind of colour blindness."""
    near = [
        pair for pair in combinations(PALETTES[palette], 2) if distance(*pair, sight) < TOLD_APART
    ]
    assert near == []


def test_no_colour_stands_for_two_things():
    """A policy's colour is no deployment's, no state's and no cause's."""
    near = [
        (one, other)
        for first, second in combinations(PALETTES.values(), 2)
        for one in first
        for other in second
        if distance(one, other) < TOLD_APART
    ]
    assert near == []


def test_text_on_a_colour_can_be_read():
    """At least 4.5 : 1, as WCAG asks of small text; letters of a map are large, 3 : 1."""
    assert {c for c in colors.POLICIES if contrast(c, colors.DARK) < 3} == set()


def test_every_packaged_policy_has_its_own_colour():
    """One place each in the palette, so that all packaged policies on one page differ."""
    packaged = {path.stem for path in (REPORT.parents[1] / "policies").glob("*.yaml")}
    assert set(colors.PACKAGED) == packaged
    assert len({look.color for look in colors.policy_looks(packaged).values()}) == len(packaged)


NAMES = st.lists(st.text(max_size=8) | st.sampled_from(colors.PACKAGED), unique=True, max_size=40)


@given(NAMES, st.randoms())
def test_looks_do_not_depend_on_the_order_of_policies(names, random):
    """Nor do two policies of a page ever look the same."""
    other = random.sample(names, len(names))
    assert colors.policy_looks(names) == {
        name: look for name, look in colors.policy_looks(other).items() if name in names
    }
    assert len(set(colors.policy_looks(names).values())) == len(names)
    assert len(set(colors.deployment_looks(names).values())) == len(names)


@given(NAMES, NAMES)
def test_colours_differ_as_long_as_there_are_enough(names, more):
    """A colour comes again only when all are in use; a packaged policy keeps its own always."""
    looks = colors.policy_looks([*names, *more])
    shades = [look.color for look in looks.values()]
    assert len(set(shades)) == min(len(shades), len(colors.POLICIES))
    alone = colors.policy_looks(colors.PACKAGED)
    assert all(looks[name] == alone[name] for name in looks if name in alone)


@given(NAMES, st.text(max_size=8))
def test_a_policy_more_changes_no_look_before_it_in_the_alphabet(names, another):
    """So that a report of more policies reads as the one before it."""
    before, after = colors.policy_looks(names), colors.policy_looks([*names, another])
    kept = [name for name in names if name in colors.PACKAGED or name < another]
    if another not in colors.PACKAGED:
        assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


def test_colours_are_written_in_one_place():
    """No figure has a colour of its own: all come from the palettes."""
    own = {
        path.name: found
        for path in REPORT.rglob("*.py")
        if path.name != "colors.py"
        and (found := re.findall(r'"(?:#[0-9a-fA-F]{3,8}|rgba?\([\d, .]+\))"', path.read_text()))
    }
    assert own == {}


def policy_colors(study):
    """Colours of the traces that are named as a policy, by its name, over all pictures."""
    found = {}
    for picture in draw_pictures(RunDocuments(study.summary, page_evidence(study))).values():
        for trace in picture.data if isinstance(picture, Picture) else ():
            if trace.get("name") in study.runs:
                style = trace.get("line") or trace["marker"]
                found.setdefault(trace["name"], set()).add(style["color"])
    return found


def test_a_policy_has_one_colour_in_two_reports(ordinary):
    """Whichever policies stand beside it, and wherever it stands among them."""
    short = ["scenario.horizon=300s", "scenario.workload.rate=1", "~scenario.outages"]
    other = policy_colors(
        run_study(load("compare", "demo", ["failover", "cached", "direct"], short, 1, 2))
    )
    first = policy_colors(ordinary)
    assert set(first) == set(ordinary.runs)
    assert all(len(shades) == 1 for shades in (first | other).values())
    assert {name: first[name] for name in ("direct", "cached")} == {
        name: other[name] for name in ("direct", "cached")
    }
