"""Sequences of a boolean circuit (subtask, section 6)."""

from __future__ import annotations

from typing import Any

from lit_curriculum.errors import bad_value
from lit_curriculum.tasks.circuits import load_netlist
from lit_curriculum.tasks.splits import LEAST_BITS, MOST_BITS
from lit_curriculum.training.decomposed import DecomposedData


class CircuitData(DecomposedData):
    """Strings of a circuit's input bits, the values of its gates in topological order, its outputs last.

    Args:
        num_steps: length of the run in updates.
        netlist: adder, comparator, inner_product, majority, multiplier, parity_tree, or the path of a
            ``.net`` file; the format is documented in ``tasks/circuits/netlist.py``.
        gate_labels: write the values of the inner gates into the sequence; without, the outputs alone.
        max_fan_in: split gates with more inputs into trees; null keeps them.
        **kwargs: see `DecomposedData`.

    Raises:
        UsageError: naming the argument or the node that is wrong.
    """

    def __init__(
        self,
        num_steps: int,
        netlist: str = "multiplier",
        gate_labels: bool = True,
        max_fan_in: int | None = 2,
        **kwargs: Any,
    ) -> None:
        circuit = load_netlist(netlist, max_fan_in, gate_labels)
        if not LEAST_BITS <= circuit.d <= MOST_BITS:
            allowed = f"a circuit of {LEAST_BITS} to {MOST_BITS} inputs; it has {circuit.d}"
            raise bad_value("data.netlist", netlist, allowed)
        super().__init__(circuit, num_steps, **kwargs)
