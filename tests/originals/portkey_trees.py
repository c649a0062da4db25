"""Portkey configurations that are made up: targets within targets, what holds for them, and what is
asked in which order."""

from itertools import pairwise

from hypothesis import strategies as st

from tests.originals.scripted_provider import Answer

LIMIT, OTHER, SLOW = 0.7, 1.2, 2.0
"""Seconds of time limits, and of an answer that they cut."""
STATUSES = (400, 401, 404, 408, 429, 500, 502, 503, 504, 529)
RETRIED = (429, 500, 502, 503, 504)
CUT = 0
NEVER = "x"
"""A target of weight 0."""
ASKING = [
    Answer(429, headers=f"{name}: {said}\r\n", asks=asked)
    for name, said, asked in [
        ("Retry-After", "1", 1.0),
        ("Retry-After", "2", 2.0),
        ("Retry-After", "0", 0.0),
        ("Retry-After", "60", 60.0),
        ("Retry-After", "120", 120.0),
        ("Retry-After-Ms", "300", 0.3),
        ("X-Ms-Retry-After-Ms", "300", 0.3),
    ]
] + [
    Answer(503, headers="Retry-After: 3\r\n", asks=3.0),
    Answer(429, headers="Retry-After: 1\r\n", asks=1.0, error="insufficient_quota"),
]
CODES = st.none() | st.none() | st.lists(st.sampled_from(STATUSES), max_size=4, unique=True)
RETRY = st.fixed_dictionaries(
    {"retries": st.sampled_from([0, 1, 1, 2]), "again": CODES, "obeys": st.booleans()}
)
OWN = st.fixed_dictionaries(
    {}, optional={"retry": RETRY, "limit": st.sampled_from([LIMIT, LIMIT, OTHER])}
)
"""What a node may set for itself and what is below it."""
NOTHING = {"retries": 0, "again": None, "obeys": False}
PLACES = "root", "children", "leaves"
"""Where retry and request_timeout are set; further out stands something else, which must not
hold."""


@st.composite
def configurations(draw):
    """What is set, with the targets in the order in which they are to be asked, and their scripts.

    groups: the targets of each child of the root. inner: the codes of fallbacks within, where
    these are others. open: targets whose breaker is said to be open, in a list alone. nodes:
    fallbacks within each other, of which each has codes of its own, and any of which, like any
    target, may have its own retry and request_timeout; None: what is set holds for all.

    Neither connections that are cut where 500 is not tried again, nor, where Retry-After is obeyed,
    429 without it: see the tests of what is not imitated.
    """
    names = [*"abcd"[: draw(st.sampled_from([1, 2, 3, 3, 4]))]]
    made = {
        "names": names,
        "codes": draw(CODES),
        "retries": draw(st.sampled_from([0, 1, 1, 2])),
        "again": draw(CODES),
        "obeys": draw(st.booleans()),
        "limit": draw(st.none() | st.just(LIMIT)),
        "place": draw(st.sampled_from(PLACES)),
        "streamed": draw(st.booleans()),
    }
    shapes = flat(names), deep(names, made["codes"]), grouped(names), varied(names)
    made |= {"nodes": None} | draw(st.one_of(shapes))
    holding = holds(made)
    return made, {name: draw(_answers(holding[name], made["streamed"])) for name in names}


def _answers(holding, streamed):
    """Of a target for which these settings hold."""
    retry, limit = holding
    cut = [CUT] if retry["again"] is None or 500 in retry["again"] else []
    plain = st.tuples(
        st.sampled_from([*cut, 200, *STATUSES, *RETRIED, *RETRIED]),
        st.sampled_from([0.0, 0.0, SLOW] if limit else [0.0]),
    ).map(lambda drawn: _said(*drawn, retry["obeys"]))
    broken = [Answer(200, breaks=True)] if streamed else []
    return st.lists(plain | st.sampled_from(ASKING + broken), min_size=1, max_size=3)


def holds(made):
    """Target -> its retry and its time limit."""
    if made["nodes"] is None:
        return dict.fromkeys(made["names"], ({key: made[key] for key in NOTHING}, made["limit"]))
    return dict(_inherited(made["nodes"], (NOTHING, None)))


def _inherited(node, above):
    own = node["own"]
    here = own.get("retry", above[0]), own.get("limit", above[1])
    if "target" in node:
        yield node["target"], here
    for each in node.get("targets", []):
        yield from _inherited(each, here)


def lead(node):
    """Who is asked first of these."""
    return node["target"] if "target" in node else lead(node["targets"][0])


def _said(status, delay, obeys):
    return Answer(status, delay, "Retry-After: 0\r\n" if obeys and status == 429 else "")


@st.composite
def flat(draw, names):
    """One list."""
    out = draw(st.lists(st.sampled_from(names), unique=True, max_size=len(names)))
    return {"tree": names, "open": draw(st.sampled_from([[], sorted(out)])), "groups": None}


@st.composite
def grouped(draw, names):
    """A fallback of fallbacks with codes of their own, the same for all of these."""
    size = draw(st.integers(1, 3))
    groups = [names[at : at + size] for at in range(0, len(names), size)]
    return {"tree": groups, "groups": groups, "inner": draw(CODES), "open": []}


@st.composite
def varied(draw, names):
    """Fallbacks within each other, each as it likes. The last of one is not open unless all are:
    what is said of an inner fallback then is not imitated."""
    nodes = draw(_nodes(names, 3))
    out = draw(st.sets(st.sampled_from(names)) | st.just(set()))
    for within in (node["targets"] for node in fallbacks(nodes)):
        if not all(each.get("target") in out for each in within):
            out.discard(within[-1].get("target"))
    return {"nodes": nodes, "groups": None, "open": sorted(out)}


def fallbacks(node):
    """Each before those within it."""
    if "targets" in node:
        yield node
        for each in node["targets"]:
            yield from fallbacks(each)


@st.composite
def _nodes(draw, names, depth):
    if not depth or (len(names) == 1 and depth < 3 and draw(st.booleans())):
        if len(names) == 1:
            return {"target": names[0], "own": draw(OWN)}
        parts = [[name] for name in names]
    else:
        cuts = (
            draw(st.lists(st.sampled_from(range(1, len(names))), unique=True)) if names[1:] else []
        )
        ends = [0, *sorted(cuts), len(names)]
        parts = [names[low:high] for low, high in pairwise(ends)]
    within = [draw(_nodes(part, max(depth - 1, 0))) for part in parts]
    return {"targets": within, "codes": draw(CODES), "own": draw(OWN)}


@st.composite
def deep(draw, names, codes):
    """Fallbacks and load balancing with weights 0 and 1 within each other, with the same codes
    everywhere: the same as one list."""
    tree = draw(_trees(names, 4))
    return {"tree": tree, "groups": None, "inner": codes, "open": []}


@st.composite
def _trees(draw, names, depth):
    """A name, a list of trees (a fallback), or a tuple: load balancing, the first by weight 0."""
    if not depth:
        return names if len(names) > 1 else names[0]
    if draw(st.booleans()):
        other = draw(st.sampled_from([NEVER, [NEVER, NEVER]]))
        return other, draw(_trees(names, depth - 1))
    if len(names) == 1:
        return names[0]
    cut = draw(st.integers(1, len(names) - 1))
    return [draw(_trees(part, depth - 1)) for part in (names[:cut], names[cut:])]


def original_config(made, url):
    """As the gateway reads it."""
    # what the middleware of branch 2.0.0 adds where breakers are configured
    known = {"id": "made up"} if made["open"] else {}
    if made["nodes"] is not None:
        return _written(made, made["nodes"], url) | known
    tree = made["tree"]
    return known | _node(made, tree if isinstance(tree, tuple) else [*tree], url, 0, made["codes"])


def _written(made, node, url):
    """A node that says for itself what it sets."""
    own = node["own"]
    given = _retry(own["retry"]) if "retry" in own else {}
    given |= _limit(own["limit"]) if "limit" in own else {}
    if "target" in node:
        return _provider(made, node["target"], url) | given
    said = {} if node["codes"] is None else {"on_status_codes": node["codes"]}
    within = [_written(made, each, url) for each in node["targets"]]
    return given | {"strategy": {"mode": "fallback", **said}, "targets": within}


def _provider(made, name, url):
    opened = {"is_open": True} if name in made["open"] else {}
    return {"provider": "openai", "api_key": "none", "custom_host": url(name)} | opened


def _node(made, tree, url, depth, codes):
    """codes: of this fallback."""
    leaf = isinstance(tree, str)
    given = _given(made, depth, leaf)
    if leaf:
        return _provider(made, tree, url) | given
    within = [_node(made, each, url, depth + 1, made.get("inner")) for each in tree]
    if isinstance(tree, tuple):
        within = [each | {"weight": number} for number, each in enumerate(within)]
        return given | {"strategy": {"mode": "loadbalance"}, "targets": within}
    said = {} if codes is None else {"on_status_codes": codes}
    return given | {"strategy": {"mode": "fallback", **said}, "targets": within}


def _given(made, depth, leaf):
    """What a node sets: nothing where it is to inherit."""
    place = PLACES.index(made["place"])
    if depth == min(place, 1) if place < 2 else leaf:
        return _settings(made)
    return _others(made) if depth < place else {}


def _settings(made):
    return _retry(made) | (_limit(made["limit"]) if made["limit"] else {})


def _retry(said):
    found = {"attempts": said["retries"]}
    if said["again"] is not None:
        found["on_status_codes"] = said["again"]
    if said["obeys"]:
        found["use_retry_after_header"] = True
    return {"retry": found}


def _limit(seconds):
    return {"request_timeout": round(seconds * 1000)}


def _others(made):
    """What would show if it held."""
    found = {"retry": {"attempts": 4, "on_status_codes": [*STATUSES]}}
    return found | ({"request_timeout": 60} if made["limit"] else {})
