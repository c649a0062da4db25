"""Portkey configurations that are made up: targets within targets, what holds for them, and what is
asked in which order."""

from hypothesis import strategies as st

from tests.originals.scripted_provider import Answer

LIMIT, SLOW = 0.7, 2.0
"""Seconds of a time limit, and of an answer that it cuts."""
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
PLACES = "root", "children", "leaves"
"""Where retry and request_timeout are set; further out stands something else, which must not
hold."""


@st.composite
def configurations(draw):
    """What is set, with the targets in the order in which they are to be asked, and their scripts.

    groups: the targets of each child of the root. inner: the codes of fallbacks within, where
    these are others. open: targets whose breaker is said to be open, in a list alone.

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
    made |= draw(st.one_of(flat(names), deep(names, made["codes"]), grouped(names)))
    cut = [CUT] if made["again"] is None or 500 in made["again"] else []
    plain = st.tuples(
        st.sampled_from([*cut, 200, *STATUSES, *RETRIED, *RETRIED]),
        st.sampled_from([0.0, 0.0, SLOW] if made["limit"] else [0.0]),
    ).map(lambda drawn: _said(*drawn, made["obeys"]))
    broken = [Answer(200, breaks=True)] if made["streamed"] else []
    answers = st.lists(plain | st.sampled_from(ASKING + broken), min_size=1, max_size=3)
    return made, {name: draw(answers) for name in names}


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
    tree = made["tree"]
    config = _node(made, tree if isinstance(tree, tuple) else [*tree], url, 0, made["codes"])
    # what the middleware of branch 2.0.0 adds where breakers are configured
    return config | ({"id": "made up"} if made["open"] else {})


def _node(made, tree, url, depth, codes):
    """codes: of this fallback."""
    leaf = isinstance(tree, str)
    given = _given(made, depth, leaf)
    if leaf:
        opened = {"is_open": True} if tree in made["open"] else {}
        return {"provider": "openai", "api_key": "none", "custom_host": url(tree)} | given | opened
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
    found = {"retry": {"attempts": made["retries"]}}
    if made["again"] is not None:
        found["retry"]["on_status_codes"] = made["again"]
    if made["obeys"]:
        found["retry"]["use_retry_after_header"] = True
    if made["limit"]:
        found["request_timeout"] = round(made["limit"] * 1000)
    return found


def _others(made):
    """What would show if it held."""
    found = {"retry": {"attempts": 4, "on_status_codes": [*STATUSES]}}
    return found | ({"request_timeout": 60} if made["limit"] else {})
