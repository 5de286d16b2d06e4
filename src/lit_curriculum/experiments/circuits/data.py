"""Sequences of a boolean circuit (subtask, section 6)."""

from __future__ import annotations

from typing import Any

from lit_curriculum.experiments.decomposed import DecomposedData
from lit_curriculum.tasks.circuits import load_netlist


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
        super().__init__(load_netlist(netlist, max_fan_in, gate_labels), num_steps, **kwargs)
