from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from pcfg_reference import grammar_json
from tests.support import calls

from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.pcfg import (
    grammar_from_description,
    load_grammar,
    parse_grammar,
    shipped_grammars,
)

SMALL: dict[str, Any] = {
    "name": "small",
    "root": 5,
    "terminals": [1, 2],
    "rules": {"5": [[3, 4], [4]], "4": [[1, 2], [2, 2]], "3": [[1], [2, 1, 1]]},
}


def changed(**changes: Any) -> dict[str, Any]:
    data = copy.deepcopy(SMALL)
    data["rules"] |= changes.pop("rules", {})
    return data | changes


def test_shipped_grammars_are_the_six_of_the_paper_and_its_code():
    assert shipped_grammars() == ["cfg3b", "cfg3b_released", "cfg3f", "cfg3g", "cfg3h", "cfg3i"]


@pytest.mark.parametrize(
    ("name", "longest"),
    [("cfg3b", 432), ("cfg3i", 564), ("cfg3h", 459), ("cfg3g", 729), ("cfg3f", 729), ("cfg3b_released", 432)],
)
def test_shipped_grammar_has_six_edges_and_the_longest_string_of_the_specification(name: str, longest: int):
    grammar = load_grammar(name)
    assert grammar.depth == 6
    assert grammar.heights[22] == 6
    assert grammar.roots == (22,)
    assert grammar.max_length == longest
    assert grammar.vocabulary_size == 5
    assert grammar.symbols_at_depth[0] == (22,)
    assert grammar.symbols_at_depth[5] == (7, 8, 9)
    assert grammar.symbols_at_depth[6] == (1, 2, 3)


def test_released_cfg3b_differs_by_the_rule_that_its_code_lacks():
    paper, released = load_grammar("cfg3b").rules, load_grammar("cfg3b_released").rules
    assert {s for s in paper if paper[s] != released[s]} == {9}
    assert set(paper[9]) - set(released[9]) == {(2, 1)}


def test_default_is_cfg3b():
    assert load_grammar() == load_grammar("cfg3b")


def test_rooted_at_keeps_what_the_new_roots_reach():
    grammar = load_grammar("cfg3b", root=[13, 14, 15])
    assert (grammar.min_length, grammar.max_length) == (12, 27)
    assert grammar.depth == 3
    assert sorted(grammar.rules) == list(range(7, 16))
    assert load_grammar("cfg3b", root=13).symbols_at_depth == ((13,), (11, 12), (7, 8, 9), (1, 2, 3))


def test_terminals_that_a_sub_grammar_cannot_reach_keep_their_token_ids():
    data = {"name": "x", "root": 9, "terminals": [1, 5], "rules": {"9": [[8, 7]], "8": [[1]], "7": [[5]]}}
    whole = parse_grammar(data)
    part = whole.rooted_at(7)
    assert part.token_id(5) == whole.token_id(5) == 3
    assert part.terminal(3) == 5


@pytest.mark.parametrize("root", [1, 99, [], [13, 99], [13, 13], [13, 16]])
def test_rooted_at_rejects(root: Any):
    with pytest.raises(UsageError, match=r"^root: "):
        load_grammar("cfg3b", root=root)


def test_fingerprint_depends_on_rules_and_roots_but_not_on_the_name():
    small = parse_grammar(SMALL)
    assert parse_grammar(changed(name="other", source="elsewhere")).fingerprint() == small.fingerprint()
    assert parse_grammar(changed(rules={"4": [[2, 2], [1, 2]]})).fingerprint() != small.fingerprint()
    assert small.rooted_at(4).fingerprint() != small.fingerprint()


def test_a_file_of_the_user_is_read(tmp_path: Path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(SMALL))
    assert load_grammar(path) == load_grammar(str(path)) == parse_grammar(SMALL)
    assert load_grammar(path, root=3).roots == (3,)


FAULTS: list[tuple[dict[str, Any], str]] = [
    (changed(rules={"4": [[1, 2], [2, 9]]}), r"rules\.4\[1\]: got \[2, 9\]; .*9 is undefined"),
    (changed(rules={"6": [[1]]}), r"rules\.6: got 6; .*reachable from the root 5"),
    (changed(terminals=[1, 2, 7]), r"terminals: got 7; .*reachable"),
    (changed(rules={"4": [[1, 2], [1, 2]]}), r"rules\.4\[1\]: got \[1, 2\]; .*repeats rules\.4\[0\]"),
    (changed(rules={"4": [[1, 2], []]}), r"rules\.4\[1\]: got \[\]; .*no rule may be empty"),
    (changed(rules={"4": []}), r"rules\.4: got \[\]; .*at least one right-hand side"),
    (changed(rules={"4": [[1, 4]]}), r"rules\.4\[0\]: got \[1, 4\]; .*no recursion, here 4 -> 4"),
    (
        changed(rules={"3": [[4]], "4": [[1], [2, 3]]}),
        r"\[.*\]: .*no recursion, here (3 -> 4 -> 3|4 -> 3 -> 4)",
    ),
    (changed(rules={"5": [[3, 4], [4, 1]]}), r"rules\.5\[1\]: got \[4, 1\]; .*1 has height 0 where 3"),
    (changed(rules={"5": [[4], [4, 3]], "3": [[4]]}), r"rules\.5\[1\]: got \[4, 3\]; .*3 has height 2"),
    (changed(rules={"1": [[2]]}), r"rules\.1: got 1; .*this is a terminal"),
    (changed(rules={"x": [[2]]}), r"rules\.x: got 'x'; .*integer from 1"),
    (changed(rules={"04": [[2]]}), r"rules\.04: got '04'"),
    (changed(rules={"4": [[1, True]]}), r"rules\.4\[0\]: got True"),
    (changed(rules={"4": [[1, 40000]]}), r"rules\.4\[0\]: got 40000; .*32767"),
    (changed(root=1), r"root: got 1; .*has rules"),
    (changed(root="5"), r"root: got '5'"),
    (changed(terminals=[1, 2, 2]), r"terminals: .*distinct"),
    (changed(terminals=[]), r"terminals: got \[\]"),
    (changed(rules=[]) | {"rules": []}, r"rules: got \[\]"),
    (changed(weights=[1]), r"weights: unknown key"),
    (changed(name=3), r"name: got 3; allowed: a string"),
    ({"name": "no rules", "root": 1, "terminals": [1]}, r"rules: missing"),
]


@pytest.mark.parametrize(("data", "message"), FAULTS)
def test_a_wrong_grammar_is_named_in_one_line(data: dict[str, Any], message: str):
    with pytest.raises(UsageError, match=message) as error:
        parse_grammar(data, "mine.json")
    assert str(error.value).startswith("mine.json")
    assert "\n" not in str(error.value)


def test_a_grammar_whose_strings_do_not_fit_sixteen_bits_is_refused():
    rules = {str(s): [[s - 1] * 8] for s in range(2, 8)}
    with pytest.raises(UsageError, match="longest string: got 262144"):
        parse_grammar({"name": "long", "root": 7, "terminals": [1], "rules": rules})


def tower(height: int, right: list[int] | None = None, **rules: Any) -> dict[str, Any]:
    """A grammar in which each symbol stands for the one below it, as often as ``right`` says."""
    own = {str(s): [[s - 1] * len(right or [0])] for s in range(2, height + 2)}
    return {"name": "tower", "root": height + 1, "terminals": [1], "rules": own | rules}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (tower(30, [0, 0]), r"longest string: got 1073741824; allowed: at most 32767 tokens"),
        (tower(3000, [0] * 9), r"longest string: got 1000000000000000000; allowed"),
        (
            tower(32_766, **{"2": [[1] * 55], "3": [[2] * 55]}),
            r"depth: got 100922360; allowed: levels x longest string at most 67108864",
        ),
        (
            {
                "name": "many",
                "root": 2,
                "terminals": [1],
                "rules": {"2": [[1] * n for n in range(1, 400)] * 300},
            },
            r"rules\.2: got 119700; allowed: at most 100000 rules",
        ),
        (
            {
                "name": "table",
                "root": 2,
                "terminals": list(range(3, 303)),
                "rules": {
                    "2": [[s] for s in range(400, 5000)],
                    **{str(s): [[3] * 30] for s in range(400, 4999)},
                    "4999": [[t] for t in range(3, 303)],
                },
            },
            r"rules: got 634938000; allowed: symbols x most rules of one x longest rule at most 67108864",
        ),
    ],
)
def test_a_grammar_that_would_fill_the_memory_is_refused_before(data: dict[str, Any], message: str):
    with pytest.raises(UsageError, match=message):
        parse_grammar(data, "mine.json")


def test_a_deep_grammar_is_read_by_a_bounded_number_of_calls_a_symbol():
    small, large = (calls(lambda n=n: parse_grammar(tower(n))) / n for n in (100, 1500))
    assert large < 1.2 * small


def test_a_long_recursion_is_told_by_its_ends():
    data = tower(5000, **{"2": [[5001]]})
    with pytest.raises(
        UsageError, match=r"no recursion, here 2 -> 5001 -> 5000 -> .* more\) -> .*3 -> 2"
    ) as error:
        parse_grammar(data)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"roots": []}, "roots"),
        ({"roots": [5, 5]}, "roots"),
        ({"roots": [9]}, "roots"),
        ({"roots": [4, 5]}, "one height"),
        ({"roots": 5}, "roots: got 5; allowed: a list"),
        ({"terminals": [True]}, "terminals: got True"),
        ({"rules": [[5, [[5]]]]}, "no recursion"),
        ({"rules": [[5]]}, "pairs of a symbol"),
        ({"rules": [[5, [[1]]], [5, [[2]]]]}, "distinct symbols"),
        ({"rules": [[5, 3]]}, "rules.5: got 3"),
        ({"rules": {"5": [[1]]}}, "rules: got"),
        ({"rules": [[5, [[1]]], [4, [[2]]]]}, "reachable from the root 5"),
    ],
)
def test_a_wrong_description_is_refused(change: dict[str, Any], message: str):
    description = json.loads(json.dumps(parse_grammar(SMALL).describe()))
    assert grammar_from_description(description).fingerprint() == parse_grammar(SMALL).fingerprint()
    for value in (description | change, 3, None):
        with pytest.raises(UsageError, match=r"^grammar: ") as error:
            grammar_from_description(value)
        assert isinstance(value, dict) <= (message in str(error.value)), str(error.value)


def test_the_description_of_a_part_of_a_grammar_is_the_part():
    part = load_grammar("cfg3b", root=[13, 14, 15])
    again = grammar_from_description(json.loads(json.dumps(part.describe())))
    assert (again.rules, again.heights, again.roots) == (part.rules, part.heights, part.roots)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"rules": {"4": [[1]], "4": [[2]]}}', "key '4' is given twice"),
        (b'{"name": ', r"cannot be read \(Expecting value: line 1"),
        (b"[" * 100_000, "nested deeper than 100"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[]", "a JSON object"),
    ],
)
def test_an_unreadable_file_is_named(tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message) as error:
        load_grammar(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match=r"^grammar: got 'cfg3c'; allowed: cfg3b, .*did you mean 'cfg3"):
        load_grammar("cfg3c")


def test_reference_reads_the_same_rules():
    data = grammar_json("cfg3h")
    assert {int(s): tuple(map(tuple, r)) for s, r in data["rules"].items()} == load_grammar("cfg3h").rules


DOCS = Path(__file__).parents[3] / "docs" / "grammars.md"


@pytest.mark.parametrize(
    "rules",
    [
        {"4": [[1, 2], [2, 9]]},
        {"6": [[1]]},
        {"4": [[1, 2], []]},
        {"4": [[1, 2], [1, 2]]},
        {"4": [[1, 4]]},
        {"5": [[3, 4], [4, 1]]},
    ],
)
def test_documented_messages_are_the_real_ones(rules: dict[str, Any]):
    text = DOCS.read_text(encoding="utf-8")
    data = json.loads(text.split("```json\n")[1].split("```")[0])
    parse_grammar(data)
    with pytest.raises(UsageError) as error:
        parse_grammar(data | {"rules": data["rules"] | rules}, "tiny.json")
    assert f"`{error.value}`" in text
