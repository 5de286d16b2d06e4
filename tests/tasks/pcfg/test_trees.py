from __future__ import annotations

import pytest

from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.pcfg import Sampler, format_brackets, format_string, format_tree, load_grammar

GRAMMAR = load_grammar("cfg3b", root=14)
STRINGS = Sampler(GRAMMAR).sample(0, "train", 0, 5, ancestry=True)


def test_golden_tree():
    assert (
        format_tree(GRAMMAR, STRINGS, 0)
        == """\
14 [0, 22)
  11 [0, 7)
    7 [0, 2): 3 1
    8 [2, 5): 3 1 2
    9 [5, 7): 2 1
  10 [7, 14)
    9 [7, 10): 3 2 1
    8 [10, 12): 3 2
    7 [12, 14): 3 1
  12 [14, 22)
    8 [14, 17): 3 1 2
    9 [17, 20): 3 2 1
    7 [20, 22): 3 1"""
    )
    brackets = format_brackets(GRAMMAR, STRINGS, 0)
    assert brackets.startswith("(14 (11 (7 3 1) (8 3 1 2) (9 2 1)) ")
    assert brackets.endswith(" (10 (9 3 2 1) (8 3 2) (7 3 1)) (12 (8 3 1 2) (9 3 2 1) (7 3 1)))")
    assert format_string(GRAMMAR, STRINGS, 0) == "3 1 3 1 2 2 1 3 2 1 3 2 3 1 3 1 2 3 2 1 3 1"


@pytest.mark.parametrize("row", range(5))
def test_a_tree_folded_at_any_depth_spells_the_string(row: int):
    string = format_string(GRAMMAR, STRINGS, row)
    for depth in range(GRAMMAR.depth):
        lines = format_tree(GRAMMAR, STRINGS, row, max_depth=depth).splitlines()
        assert " ".join(line.split(": ")[1] for line in lines if ": " in line) == string
    brackets = format_brackets(GRAMMAR, STRINGS, row)
    assert brackets.count("(") == brackets.count(")") == len(lines)


def test_ancestry_is_needed():
    plain = Sampler(GRAMMAR).sample(0, "train", 0, 1)
    for write in (format_tree, format_brackets):
        with pytest.raises(
            UsageError, match=r"^ancestry: got None; allowed: strings drawn with ancestry=True"
        ):
            write(GRAMMAR, plain, 0)


@pytest.mark.parametrize("depth", [-1, 3])
def test_wrong_depth(depth: int):
    with pytest.raises(UsageError, match=r"^max_depth: got .*; allowed: 0 to 2, counted from the root"):
        format_tree(GRAMMAR, STRINGS, 0, depth)
