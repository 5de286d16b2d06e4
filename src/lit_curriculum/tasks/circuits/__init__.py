"""Boolean circuits from netlist files, as tasks with a label for every gate (subtask, section 6)."""

from lit_curriculum.tasks.circuits.circuit import Circuit, Gate
from lit_curriculum.tasks.circuits.netlist import load_netlist, parse_netlist, shipped_netlists

__all__ = ["Circuit", "Gate", "load_netlist", "parse_netlist", "shipped_netlists"]
