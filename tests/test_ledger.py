"""The ledger: rows in, typed columns out, each row once."""

import numpy as np

from simroute.ledger import ATTEMPT_ROW, ATTEMPTS, CHUNK, Chunk, Ledger, Names


def attempt(number: int) -> bytes:
    """A row of the attempts table whose request is `number`."""
    return ATTEMPT_ROW.pack(number, 0, 1, 1, 0, 1.5, 2.5, 10, 20, 0, 7, False)


def collected() -> tuple[Ledger, list[tuple[str, Chunk]]]:
    """A ledger, and what its sink has seen."""
    seen: list[tuple[str, Chunk]] = []
    return Ledger([lambda table, chunk: seen.append((table, chunk))]), seen


def test_rows_become_columns_of_the_stated_types() -> None:
    """A chunk has every column of its table, in order, with its type."""
    ledger, seen = collected()
    ledger.attempts.append(attempt(3))
    ledger.close()
    ((table, chunk),) = seen
    assert table == "attempts"
    assert {name: column.dtype for name, column in chunk.items()} == {
        name: np.dtype(kind) for name, kind in ATTEMPTS.items()
    }
    assert (chunk["request_id"][0], chunk["end_s"][0], chunk["cost_nano"][0]) == (3, 2.5, 7)


def test_only_rows_that_differ_from_the_usual_have_details() -> None:
    """Four attempts of two chunks, the second and the third abandoned: each row has its own values,
    the others the usual ones, and a detail is used once."""
    ledger, seen = collected()
    for number in range(4):
        if number in (1, 2):
            ledger.details[len(ledger.attempts)] = ATTEMPT_ROW.pack_detail(
                2.0 + number, 499, number, 0.5, True, 7
            )
        ledger.attempts.append(attempt(number))
        if number == 1:
            ledger.close()
    ledger.close()
    found = {name: [x for _, chunk in seen for x in chunk[name].tolist()] for name in ATTEMPTS}
    assert found["request_id"] == [0, 1, 2, 3]
    assert found["left_s"] == [2.5, 3.0, 4.0, 2.5], "usually somebody waits up to the end"
    assert found["status"] == [200, 499, 499, 200]
    assert found["error"] == [0, 1, 2, 0]
    assert found["retry_after_s"][1:3] == [0.5, 0.5]
    assert np.isnan([found["retry_after_s"][0], found["retry_after_s"][3]]).all()
    assert found["abandoned"] == [False, True, True, False]
    assert found["cause"] == [0, 7, 7, 0]


def test_every_row_is_handed_on_once_and_in_order() -> None:
    """Spilling in between neither loses nor repeats a row."""
    ledger, seen = collected()
    for number in range(2 * CHUNK + 5):
        ledger.attempts.append(attempt(number))
        ledger.spill()
    ledger.close()
    ledger.close()
    assert np.concatenate([chunk["request_id"] for _, chunk in seen]).tolist() == list(
        range(2 * CHUNK + 5)
    )


def test_a_bound_append_stays_good_after_a_spill() -> None:
    """The simulator keeps `attempts.append`: the list is emptied, never replaced."""
    ledger, seen = collected()
    append = ledger.attempts.append
    for number in range(CHUNK):
        append(attempt(number))
    ledger.spill()
    append(attempt(CHUNK))
    ledger.close()
    assert [len(chunk["request_id"]) for _, chunk in seen] == [CHUNK, 1]


def test_few_rows_wait_for_more() -> None:
    """A spill below a chunk's worth of rows hands nothing on."""
    ledger, seen = collected()
    ledger.attempts.append(attempt(0))
    ledger.spill()
    assert not seen


def test_names_are_numbered_in_order_of_first_use() -> None:
    """The same word always has the same code."""
    names = Names(("",))
    assert [names.code(word) for word in ("timeout", "", "hung", "timeout")] == [1, 0, 2, 1]
    assert names.words == ["", "timeout", "hung"]
