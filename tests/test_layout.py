"""A table that fits, whatever it holds and however narrow the terminal is."""

import string

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from simroute.layout import Column, table_lines, wrapped

SAFE = string.ascii_letters + "漢字éß"
WORDS = st.text(SAFE, min_size=1, max_size=12)
COLUMNS = st.lists(
    st.tuples(WORDS, WORDS, WORDS, st.integers(0, 3)), max_size=12, unique_by=lambda each: each[0]
)


@given(st.text(max_size=80), COLUMNS, st.integers(20, 200))
def test_no_line_is_longer_than_the_width_and_no_row_is_broken(name, columns, width):
    """A row a name whatever it holds; a column is in the head or named as left out."""
    body = [Column(head, [first, second], rank) for head, first, second, rank in columns]
    lines = table_lines("policy", [name, "b"], body, width)
    assert max(map(cell_len, lines)) <= width
    note = " ".join(line.strip() for line in lines[3:])
    if all(column.rank for column in body):
        shown = lines[0].split()
        left = note.partition(": ")[2].removesuffix(".").split(", ")
        assert {column.head for column in body} == set(shown[1:]) | (set(left) - {""})


def test_columns_are_left_out_by_their_rank():
    """The highest first, and none of rank 0; what is left out is named below."""
    body = [Column("a", ["1" * 20]), Column("b", ["2" * 20], 2), Column("c", ["3" * 20], 1, "see")]
    at = {width: table_lines("policy", ["p"], body, width) for width in (69, 68, 48, 47, 20)}
    assert at[69][0].split() == ["policy", "a", "b", "c"]
    assert (at[68][0].split(), at[68][2]) == (["policy", "a", "c"], "Not shown in 68 columns: b.")
    assert at[48][0].split() == ["policy", "a", "c"]
    assert (at[47][0].split(), at[47][2]) == (["policy", "a"], "Not shown in 47 columns: b, see.")


def test_long_names_stay_apart_and_have_what_room_there_is():
    """Where there is room they stand whole; else each has a number of its own."""
    names = ["a-policy-with-a-long-name-1", "a-policy-with-a-long-name-2"]
    body = [Column("kept", ["yes", "no"])]
    assert table_lines("policy", names, body, 80)[1].split() == [names[0], "yes"]
    rows = [line.rsplit(" ", 1)[0].strip() for line in table_lines("policy", names, body, 24)[1:]]
    assert len(set(rows)) == 2
    assert all(row.startswith("a-policy") for row in rows)


def test_columns_are_aligned_by_the_width_of_characters():
    """A wide character takes two columns."""
    lines = table_lines("policy", ["漢字", "ab"], [Column("x", ["字", "1"])], 80)
    assert lines == ["policy  x", "漢字   字", "ab      1"]


@given(st.text(SAFE + "  ", max_size=400), st.integers(20, 120), st.integers(0, 4))
def test_a_sentence_is_wrapped_without_losing_a_word(text, width, indent):
    """No line is longer than the width; the words are the same, in order; only those that are
    longer than a line are broken."""
    lines = wrapped(" " * indent + text.strip(), width)
    assert max(map(cell_len, lines)) <= width
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(line.startswith(" " * (indent + 2)) for line in lines[1:] if line.strip())
    whole = [word for word in text.split() if cell_len(word) <= width - indent - 2]
    assert set(whole) <= {word for line in lines for word in line.split()}
