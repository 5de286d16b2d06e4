"""Netlist files: one statement a line, in plain text; ``#`` begins a comment.

    input a b cin              # the bits of a string, in this order
    output sum carry           # nodes, the answer in this order
    sum   = xor a b cin        # node = gate node ..., in any order of lines
    ab    = and a b
    ...

``input`` and ``output`` may come several times and add up. Gates are and, or, xor, nand, nor, xnor with two
inputs or more, and buf, not with one. With more than two inputs xor is 1 where an odd number of them is, and
a gate whose name begins with n or xn is its plain one inverted. Names hold no blank, ``=`` or ``#``.
"""

from __future__ import annotations

from pathlib import Path

from lit_curriculum.errors import UsageError, shortened, suggest
from lit_curriculum.reading import read_text
from lit_curriculum.tasks.circuits.circuit import Circuit, Gate

_FOLDER = Path(__file__).parent / "netlists"
_ENDING = ".net"


def shipped_netlists() -> list[str]:
    """Return the names of the circuits that come with the suite."""
    return sorted(path.stem for path in _FOLDER.glob(f"*{_ENDING}"))


def load_netlist(netlist: str, max_fan_in: int | None = None, gate_labels: bool = True) -> Circuit:
    """Read a circuit.

    Args:
        netlist: name of a shipped circuit, or path of a file that ends in ``.net``.
        max_fan_in: see `Circuit.create`.
        gate_labels: see `Circuit`.

    Raises:
        UsageError: for an unknown name, a file that is not there, or what `parse_netlist` finds.
    """
    path = Path(netlist)
    if not netlist.endswith(_ENDING):
        known = shipped_netlists()
        if netlist not in known:
            allowed = f"{', '.join(known)}{suggest(netlist, known)}, or a path ending in {_ENDING}"
            raise UsageError(f"netlist: got {shortened(netlist)}; allowed: {allowed}")
        path = _FOLDER / f"{netlist}{_ENDING}"
    return parse_netlist(read_text(path, "netlist"), path.name, max_fan_in, gate_labels)


def parse_netlist(
    text: str, name: str = "netlist", max_fan_in: int | None = None, gate_labels: bool = True
) -> Circuit:
    """Build a circuit from the text of a netlist.

    Args:
        text: see the module.
        name: what errors call the file.
        max_fan_in: see `Circuit.create`.
        gate_labels: see `Circuit`.

    Raises:
        UsageError: naming the line that is no statement, or the node that is wrong, see `Circuit.create`.
    """
    declared: dict[str, list[str]] = {"input": [], "output": []}
    gates = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#", 1)[0].replace("=", " = ").split()
        if not words:
            continue
        equals = words.count("=")
        if equals == 1 and len(words) > 2 and words[1] == "=":
            gates.append(Gate(words[0], words[2], tuple(words[3:])))
        elif not equals and words[0] in declared:
            declared[words[0]] += words[1:]
        else:
            allowed = "'input NODE ...', 'output NODE ...' or 'NODE = GATE NODE ...'"
            raise UsageError(f"{name}: line {number}: got {shortened(line.strip())}; allowed: {allowed}")
    return Circuit.create(name, declared["input"], declared["output"], gates, max_fan_in, gate_labels)
