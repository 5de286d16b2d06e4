"""Circuits: integers are the oracle of the shipped ones, brute force of any other; wrong ones are named."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.bit_subset_parity import BitSubsetParity
from lit_curriculum.tasks.circuits import Circuit, Gate, load_netlist, parse_netlist, shipped_netlists
from tests.support import calls

TRUTH: dict[str, Any] = {
    "and": all,
    "or": any,
    "xor": lambda bits: sum(bits) % 2 == 1,
    "nand": lambda bits: not all(bits),
    "nor": lambda bits: not any(bits),
    "xnor": lambda bits: sum(bits) % 2 == 0,
    "buf": lambda bits: bits[0],
    "not": lambda bits: not bits[0],
}


def cube(d: int) -> np.ndarray:
    return np.array(list(itertools.product((0, 1), repeat=d)), dtype=np.int64)


def answers(circuit: Circuit, x: np.ndarray) -> np.ndarray:
    return circuit.labels(x)[:, -circuit.n_answers :]


def number(bits: np.ndarray) -> np.ndarray:
    return bits @ 2 ** np.arange(bits.shape[1])


# --- the shipped circuits -----------------------------------------------------------------------------


def parity_of_seed_27(x: np.ndarray) -> np.ndarray:
    return 1 - x[:, BitSubsetParity.create(16, 27).subset].sum(1) % 2


ARITHMETIC = {
    "adder": lambda x: number(x[:, :4]) + number(x[:, 4:]),
    "comparator": lambda x: (number(x[:, :6]) > number(x[:, 6:])).astype(int),
    "inner_product": lambda x: (x[:, :8] * x[:, 8:]).sum(1) % 2,
    "majority": lambda x: (x.sum(1) >= 4).astype(int),
    "multiplier": lambda x: number(x[:, :3]) * number(x[:, 3:]),
    "parity_tree": parity_of_seed_27,
}


@pytest.mark.parametrize("name", shipped_netlists())
@pytest.mark.parametrize("gate_labels", [True, False])
def test_a_shipped_circuit_computes_what_it_says(name: str, gate_labels: bool) -> None:
    circuit = load_netlist(name, gate_labels=gate_labels)
    x = cube(circuit.d)
    np.testing.assert_array_equal(number(answers(circuit, x)), ARITHMETIC[name](x))
    assert circuit.fan_in == 2
    assert circuit.n_labels == (len(circuit.gates) if gate_labels else circuit.n_answers)


# --- any circuit --------------------------------------------------------------------------------------


@st.composite
def netlists(draw: Any) -> tuple[list[str], list[str], list[Gate]]:
    """A random circuit; its gates are listed in a random order."""
    inputs = [f"x{i}" for i in range(draw(st.integers(1, 5)))]
    nodes, gates = list(inputs), []
    for i in range(draw(st.integers(1, 9))):
        kind = draw(st.sampled_from(sorted(TRUTH)))
        n = 1 if kind in ("buf", "not") else draw(st.integers(2, 7))
        gates.append(
            Gate(f"g{i}", kind, tuple(draw(st.lists(st.sampled_from(nodes), min_size=n, max_size=n))))
        )
        nodes.append(f"g{i}")
    outputs = draw(st.lists(st.sampled_from(nodes), min_size=1, max_size=4))
    return inputs, outputs, draw(st.permutations(gates))


def by_hand(inputs: list[str], gates: list[Gate], point: tuple[int, ...]) -> dict[str, int]:
    values = dict(zip(inputs, point, strict=True))
    while len(values) < len(inputs) + len(gates):
        for gate in gates:
            if all(read in values for read in gate.inputs):
                values[gate.node] = int(TRUTH[gate.kind]([values[read] for read in gate.inputs]))
    return values


@given(netlist=netlists(), max_fan_in=st.sampled_from([None, 2, 3]))
def test_labels_are_the_gates_values_and_the_outputs_come_last(
    netlist: tuple[list[str], list[str], list[Gate]], max_fan_in: int | None
) -> None:
    inputs, outputs, gates = netlist
    circuit = Circuit.create("any", inputs, outputs, gates, max_fan_in)
    for point, labels in zip(cube(len(inputs)), circuit.labels(cube(len(inputs))), strict=True):
        values = by_hand(inputs, gates, tuple(point))
        shown = {gate.node: label for gate, label in zip(circuit.gates, labels, strict=True)}
        assert shown.items() >= {gate.node: values[gate.node] for gate in gates}.items()
        assert labels[-len(outputs) :].tolist() == [values[node] for node in outputs]


@given(netlist=netlists(), max_fan_in=st.sampled_from([2, 3]))
def test_a_gate_reads_few_nodes_and_only_earlier_ones(
    netlist: tuple[list[str], list[str], list[Gate]], max_fan_in: int
) -> None:
    inputs, outputs, gates = netlist
    circuit = Circuit.create("any", inputs, outputs, gates, max_fan_in)
    seen = set(inputs)
    for gate in circuit.gates:
        assert set(gate.inputs) <= seen
        assert 1 <= len(gate.inputs) <= max_fan_in
        assert gate.node not in seen
        seen.add(gate.node)


@given(netlist=netlists(), data=st.data())
def test_the_order_of_lines_moves_gates_only_within_a_level(
    netlist: tuple[list[str], list[str], list[Gate]], data: Any
) -> None:
    inputs, outputs, gates = netlist
    ours = Circuit.create("any", inputs, outputs, gates)
    theirs = Circuit.create("any", inputs, outputs, data.draw(st.permutations(gates)))
    assert set(ours.gates) == set(theirs.gates)
    assert ours.gates[-len(outputs) :] == theirs.gates[-len(outputs) :]
    np.testing.assert_array_equal(answers(ours, cube(ours.d)), answers(theirs, cube(ours.d)))


# --- the parity tree ------------------------------------------------------------------------------------


def tree(task: BitSubsetParity) -> str:
    """Write bit-subset parity as a netlist, by Figure 2: pairs of the subset, then pairs of pairs."""
    level, lines = [f"x{i}" for i in task.subset], []
    while len(level) > 1:
        names = [f"{a}+{b}" for a, b in zip(level[::2], level[1::2], strict=True)]
        pairs = zip(names, level[::2], level[1::2], strict=True)
        lines += [f"{name} = xnor {a} {b}" for name, a, b in pairs]
        level = names
    return "\n".join([f"input {' '.join(f'x{i}' for i in range(task.d))}", f"output {level[0]}", *lines])


@given(
    d=st.sampled_from([4, 8, 16, 64]),
    seed=st.integers(0, 2**32),
    order=st.sampled_from(["index", "random"]),
    gate_labels=st.booleans(),
)
def test_a_tree_of_xnor_gates_is_bit_subset_parity(d, seed, order, gate_labels):
    task = BitSubsetParity.create(d, seed, gate_labels, order)
    x = np.random.default_rng(seed).integers(0, 2, (20, d))
    circuit = parse_netlist(tree(task), gate_labels=gate_labels)
    assert circuit.labels(x).tobytes() == task.labels(x).tobytes()


# --- netlist files ------------------------------------------------------------------------------------


def test_statements_comments_and_blanks() -> None:
    text = "# half adder\ninput a\n\ninput b # second\ncarry=and a b\n  sum = xor  a b\noutput sum carry\n"
    circuit = parse_netlist(text)
    assert circuit.inputs == ("a", "b")
    assert [gate.node for gate in circuit.gates] == ["sum", "carry"]
    assert circuit.labels(cube(2)).tolist() == [[0, 0], [1, 0], [1, 0], [0, 1]]


def test_an_output_that_is_read_gets_a_copy_at_the_end() -> None:
    circuit = parse_netlist("input a b\nn = and a b\ny = not n\noutput n y a")
    assert [gate.kind for gate in circuit.gates] == ["and", "buf", "not", "buf"]
    assert circuit.labels(np.array([[1, 1], [1, 0]])).tolist() == [[1, 1, 0, 1], [0, 0, 1, 1]]


def test_wide_gates_become_trees() -> None:
    wide = parse_netlist("input a b c d e\noutput y\ny = nand a b c d e", max_fan_in=2)
    assert [(gate.kind, gate.inputs) for gate in wide.gates] == [
        ("and", ("a", "b")),
        ("and", ("c", "d")),
        ("and", ("y.1", "y.2")),
        ("nand", ("y.3", "e")),
    ]


GOOD = "input a b\noutput y\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            GOOD + "y = and a p\np = or q b\nq = not p",
            "n.net: node 'p': on the cycle p -> q -> p; allowed: a circuit without cycles",
        ),
        (
            GOOD + "y = and y b",
            "n.net: node 'y': on the cycle y -> y; allowed: a circuit without cycles",
        ),
        (
            GOOD + "y = and a q",
            "n.net: node 'q': read by 'y' but driven by nothing; allowed: an input or a gate's node",
        ),
        (GOOD + "y = not a b", "n.net: node 'y': not got 2 inputs; allowed: one input"),
        (GOOD + "y = and a", "n.net: node 'y': and got 1 inputs; allowed: two inputs or more"),
        (GOOD + "y = buf", "n.net: node 'y': buf got 0 inputs; allowed: one input"),
        (
            GOOD + "y = maj a b a",
            "n.net: node 'y': got gate 'maj'; allowed: and, nand, or, nor, xor, xnor, buf, not",
        ),
        (GOOD + "z = and a b", "n.net: output 'y': no such node; allowed: an input or a gate's node"),
        ("input a b\ny = and a b", "n.net: output: none declared; allowed: at least one"),
        ("output y", "n.net: output 'y': no such node; allowed: an input or a gate's node"),
        (
            GOOD + "y = and a b\ny = or a b",
            "n.net: node 'y': driven twice; allowed: one input or gate a node",
        ),
        (GOOD + "a = and a b", "n.net: node 'a': driven twice; allowed: one input or gate a node"),
        (
            GOOD + "y and a b",
            "n.net: line 3: got 'y and a b'; "
            "allowed: 'input NODE ...', 'output NODE ...' or 'NODE = GATE NODE ...'",
        ),
        (
            GOOD + "y = and a = b",
            "n.net: line 3: got 'y = and a = b'; "
            "allowed: 'input NODE ...', 'output NODE ...' or 'NODE = GATE NODE ...'",
        ),
    ],
)
def test_a_wrong_netlist_is_one_line_that_names_the_node(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_netlist(text, "n.net")
    assert str(caught.value) == message


def test_a_cycle_through_a_gate_that_would_be_split_has_the_files_own_names() -> None:
    with pytest.raises(UsageError, match="node 'y': on the cycle y -> p -> y;"):
        parse_netlist(GOOD + "y = and p a b\np = not y", "n.net", max_fan_in=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("addr",),
            "netlist: got 'addr'; allowed: adder, comparator, inner_product, majority, multiplier, "
            "parity_tree (did you mean 'adder'?), or a path ending in .net",
        ),
        (
            ("none.net",),
            "netlist: none.net cannot be read (No such file or directory)",
        ),
        (("adder", 1), "max_fan_in: got 1; allowed: an integer of at least 2, or null"),
    ],
)
def test_a_wrong_name_is_one_line(arguments: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_netlist(*arguments)
    assert str(caught.value) == message


def test_names_of_nodes_do_not_identify_a_circuit_and_its_gates_do() -> None:
    first, renamed = (parse_netlist(f"input a b\noutput {y}\n{y} = and a b") for y in ("y", "z"))
    other = parse_netlist("input a b\noutput y\ny = or a b")
    assert first.fingerprint() == renamed.fingerprint() != other.fingerprint()


# --- size ---------------------------------------------------------------------------------------------


def chain(gates: int) -> list[str]:
    return [f"g{i} = and g{i - 1} x" for i in range(1, gates + 1)]


SHAPES = {
    "downward": lambda n: ["input g0 x", f"output g{n}", *chain(n)],
    "upward": lambda n: ["input g0 x", f"output g{n}", *reversed(chain(n))],
    "wide": lambda n: [f"input {' '.join(f'x{i}' for i in range(n))}", "output y", f"y = xor {'x0 ' * n}"],
    "many outputs": lambda n: ["input a b", f"output {'y ' * n}", "y = and a b"],
    "a cycle": lambda n: ["input x", f"output g{n}", f"g0 = not g{n}", *chain(n)],
    "names that are taken": lambda n: [
        "input a b c",
        "output y",
        "y = and a b c",
        *(f"y.1{chr(39)}{i} = and a b" for i in range(1, n)),
        "y.1 = and a b",
    ],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_reading_takes_a_bounded_number_of_calls_a_gate(shape: str) -> None:
    def read(gates: int) -> None:
        text = "\n".join(SHAPES[shape](gates))
        with contextlib.suppress(UsageError):
            parse_netlist(text, max_fan_in=2)

    small, large = (calls(lambda n=n: read(n)) / n for n in (200, 4000))
    assert large < 1.2 * small


def test_a_chain_of_a_hundred_thousand_gates_is_read() -> None:
    n = 100_000
    circuit = parse_netlist("\n".join(SHAPES["upward"](n)), max_fan_in=2)
    assert [gate.node for gate in circuit.gates[:2]] == ["g1", "g2"]
    assert len(circuit.gates) == n


def test_a_long_cycle_is_told_by_its_ends() -> None:
    with pytest.raises(UsageError) as caught:
        parse_netlist("\n".join(SHAPES["a cycle"](1000)), "n.net")
    message = str(caught.value)
    assert message.startswith("n.net: node 'g0': on the cycle g0 -> g1 -> g2 -> ")
    assert "... (982 more)" in message
    assert message.endswith("-> g999 -> g1000 -> g0; allowed: a circuit without cycles")
