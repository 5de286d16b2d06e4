"""A boolean circuit: its gates in topological order, and their values on bit strings (subtask, section 6)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lit_curriculum.errors import UsageError, shortened
from lit_curriculum.files import hash_of_json

Tokens = npt.NDArray[np.int64]

# What a gate does to its inputs' bits, and whether the result is inverted. The operations are associative.
_OPERATIONS: dict[str, tuple[Callable[[Tokens, Tokens], Tokens], bool]] = {
    "and": (np.bitwise_and, False),
    "nand": (np.bitwise_and, True),
    "or": (np.bitwise_or, False),
    "nor": (np.bitwise_or, True),
    "xor": (np.bitwise_xor, False),
    "xnor": (np.bitwise_xor, True),
    "buf": (np.bitwise_or, False),
    "not": (np.bitwise_or, True),
}
KINDS = tuple(_OPERATIONS)
ONE_INPUT = ("buf", "not")
# Without the inversion at the end: what the gates of a tree are that together make a wide gate.
_PLAIN = {"nand": "and", "nor": "or", "xnor": "xor"}


class Gate(NamedTuple):
    """One gate: the node that it drives, its kind, and the nodes that it reads."""

    node: str
    kind: str
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Circuit:
    """A checked circuit whose gates are in topological order; build one with `create` or from a netlist.

    The labels of a string are the values of all gates in this order, those of the outputs last, in the order
    in which the outputs are declared.

    Attributes:
        name: what errors and descriptions call it.
        inputs: names of the input bits; the string's bits in this order.
        outputs: names of the output nodes.
        gates: every gate after all that it reads.
        gate_labels: whether the inner gates are labels as well, or the outputs alone.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    gates: tuple[Gate, ...]
    gate_labels: bool = True

    @classmethod
    def create(
        cls,
        name: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        gates: Sequence[Gate],
        max_fan_in: int | None = None,
        gate_labels: bool = True,
    ) -> Circuit:
        """Order the gates, and split wide ones if asked to.

        Gates are ordered by their level, the length of the longest path from an input, and within a level as
        they are given. An output that is an input, is read by a gate, or is declared before, gets a copy of
        its own at the end, so that the outputs are the last labels.

        Args:
            name: see the class.
            inputs: distinct names.
            outputs: at least one name of a node.
            gates: in any order; the nodes that they drive are distinct.
            max_fan_in: split gates that read more nodes into trees of gates that do not; None keeps them.
            gate_labels: see the class.

        Raises:
            UsageError: naming the node that is driven twice, driven by nothing, on a cycle, of an unknown
                kind, with a wrong number of inputs, or missing as an output.
        """
        _check(name, inputs, outputs, gates)
        # Before gates are split, so that a cycle is told in the file's own names.
        level = _levels(name, inputs, gates)
        if max_fan_in is not None:
            if max_fan_in < 2:
                raise UsageError(f"max_fan_in: got {max_fan_in}; allowed: an integer of at least 2, or null")
            if any(len(gate.inputs) > max_fan_in for gate in gates):
                names = _Names(inputs, gates)
                gates = [part for gate in gates for part in _split(gate, max_fan_in, names)]
                level = _levels(name, inputs, gates)
        gates, outputs = _with_outputs_apart(inputs, outputs, gates)
        last = set(outputs)
        # Python's sort is stable: within a level the given order stays.
        inner = sorted((g for g in gates if g.node not in last), key=lambda g: level[g.node])
        driving = {gate.node: gate for gate in gates}
        ordered = (*inner, *(driving[node] for node in outputs))
        return cls(name, tuple(inputs), tuple(outputs), ordered, gate_labels)

    @property
    def d(self) -> int:
        """Input bits."""
        return len(self.inputs)

    @property
    def n_answers(self) -> int:
        """Output bits."""
        return len(self.outputs)

    @property
    def n_labels(self) -> int:
        """Labels of a string: one a gate, or one an output."""
        return len(self.gates) if self.gate_labels else self.n_answers

    @property
    def fan_in(self) -> int:
        """Most nodes that a gate reads, N in equation 6."""
        return max(len(gate.inputs) for gate in self.gates)

    def labels(self, x: Tokens) -> Tokens:
        """Return the labels (n, n_labels) of strings (n, d), both as tokens 0 and 1."""
        values: dict[str, Tokens] = {name: x[:, i] for i, name in enumerate(self.inputs)}
        for gate in self.gates:
            operation, inverted = _OPERATIONS[gate.kind]
            found = functools.reduce(operation, [values[name] for name in gate.inputs])
            values[gate.node] = 1 - found if inverted else found
        shown = self.gates if self.gate_labels else self.gates[-self.n_answers :]
        return np.stack([values[gate.node] for gate in shown], axis=1)

    def describe(self) -> dict[str, Any]:
        """Return what identifies the task, for manifests and hashes; names of nodes do not count."""
        number = {name: i for i, name in enumerate((*self.inputs, *(gate.node for gate in self.gates)))}
        return {
            "task": "circuit",
            "d": self.d,
            "gates": [[gate.kind, *(number[name] for name in gate.inputs)] for gate in self.gates],
            "n_answers": self.n_answers,
            "gate_labels": self.gate_labels,
        }

    def fingerprint(self) -> str:
        """Return the SHA-256 of `describe`."""
        return hash_of_json(self.describe())


def _check(name: str, inputs: Sequence[str], outputs: Sequence[str], gates: Sequence[Gate]) -> None:
    driven: set[str] = set()
    for node in (*inputs, *(gate.node for gate in gates)):
        if node in driven:
            raise UsageError(f"{name}: node {node!r}: driven twice; allowed: one input or gate a node")
        driven.add(node)
    for gate in gates:
        if gate.kind not in _OPERATIONS:
            raise UsageError(
                f"{name}: node {gate.node!r}: got gate {gate.kind!r}; allowed: {', '.join(KINDS)}"
            )
        count, single = len(gate.inputs), gate.kind in ONE_INPUT
        if (count != 1) if single else (count < 2):
            wanted = "one input" if single else "two inputs or more"
            raise UsageError(f"{name}: node {gate.node!r}: {gate.kind} got {count} inputs; allowed: {wanted}")
        for read in gate.inputs:
            if read not in driven:
                raise UsageError(
                    f"{name}: node {read!r}: read by {gate.node!r} but driven by nothing; "
                    "allowed: an input or a gate's node"
                )
    for output in outputs:
        if output not in driven:
            raise UsageError(f"{name}: output {output!r}: no such node; allowed: an input or a gate's node")
    if not inputs or not outputs:
        missing = "input" if not inputs else "output"
        raise UsageError(f"{name}: {missing}: none declared; allowed: at least one")


def _with_outputs_apart(
    inputs: Sequence[str], outputs: Sequence[str], gates: Sequence[Gate]
) -> tuple[list[Gate], list[str]]:
    """Return gates and outputs such that every output is a gate of its own that no gate reads."""
    names = _Names(inputs, gates)
    busy = {*inputs, *(read for gate in gates for read in gate.inputs)}
    apart, copies = list[str](), list[Gate]()
    for node in outputs:
        if node in busy:
            copies.append(Gate(names.new(f"{node}.out"), "buf", (node,)))
            apart.append(copies[-1].node)
        else:
            apart.append(node)
            busy.add(node)
    return [*gates, *copies], apart


def _split(gate: Gate, width: int, names: _Names) -> list[Gate]:
    """Return gates of at most ``width`` inputs that together are a gate: a tree, its inputs in order.

    Section 6 splits AND and OR so; XOR is associative as well, and an inverted gate is inverted at the root.
    """
    reads, parts = list(gate.inputs), list[Gate]()
    while len(reads) > width:
        level = []
        for i in range(0, len(reads), width):
            group = tuple(reads[i : i + width])
            if len(group) == 1:
                level.append(group[0])
                continue
            name = names.new(f"{gate.node}.{len(parts) + 1}")
            parts.append(Gate(name, _PLAIN.get(gate.kind, gate.kind), group))
            level.append(name)
        reads = level
    return [*parts, Gate(gate.node, gate.kind, tuple(reads))]


class _Names:
    """Names of nodes; a new one that is taken gets a number, found without trying all before it again."""

    def __init__(self, inputs: Sequence[str], gates: Sequence[Gate]) -> None:
        self._taken = {*inputs, *(gate.node for gate in gates)}
        self._next: dict[str, int] = {}

    def new(self, name: str) -> str:
        """Return the name, or one that begins with it, and take it."""
        found, number = name, self._next.get(name, 1)
        while found in self._taken:
            found = f"{name}'{number}"
            number += 1
        self._next[name] = number
        self._taken.add(found)
        return found


def _levels(name: str, inputs: Sequence[str], gates: Sequence[Gate]) -> Mapping[str, int]:
    """Return the length of the longest path from an input to each node.

    Raises:
        UsageError: naming a cycle.
    """
    level = dict.fromkeys(inputs, 0)
    driving = {gate.node: gate for gate in gates}
    for first in gates:
        # Down the wires to what has no level yet, and back up, without recursion: a chain is as deep as long.
        path = {} if first.node in level else {first.node: iter(first.inputs)}
        while path:
            node = next(reversed(path))
            below = next((read for read in path[node] if read not in level), None)
            if below is None:
                level[node] = 1 + max(map(level.__getitem__, driving[node].inputs))
                path.popitem()
            elif below in path:
                raise UsageError(_cycle(name, list(path), below, gates))
            else:
                path[below] = iter(driving[below].inputs)
    return level


def _cycle(name: str, path: list[str], closing: str, gates: Sequence[Gate]) -> str:
    """Return the message about a path against the wires whose last node reads one on it."""
    cycle = path[path.index(closing) :][::-1]
    # Begin with the node that the file mentions first, so that the message does not depend on the walk.
    place = {gate.node: i for i, gate in enumerate(gates)}
    first = min(range(len(cycle)), key=lambda i: place[cycle[i]])
    ring = [*cycle[first:], *cycle[:first], cycle[first]]
    if len(ring) > 20:
        ring = [*ring[:10], f"... ({len(ring) - 20} more)", *ring[-10:]]
    return (
        f"{name}: node {shortened(ring[0])}: on the cycle {' -> '.join(ring)}; "
        "allowed: a circuit without cycles"
    )
