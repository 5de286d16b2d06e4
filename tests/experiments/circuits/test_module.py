"""Circuits on GPT-2: the parity tree is bit-subset parity, several outputs, what is refused."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from lit_curriculum.errors import UsageError
from lit_curriculum.experiments import circuits
from lit_curriculum.experiments.bit_subset_parity import BitSubsetParityData
from lit_curriculum.experiments.circuits import CircuitData, CircuitGPT
from lit_curriculum.reading import read_table
from tests.support import config, fit, in_child

RUN = [config("circuits"), config("smoke/circuits")]


@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.parametrize("stream", ["train", "val", "test"])
def test_the_parity_tree_gives_the_sequences_of_bit_subset_parity(labels: bool, stream: str) -> None:
    circuit = CircuitData(10, "parity_tree", gate_labels=labels, eval_every=10, data_seed=27)
    parity = BitSubsetParityData(16, 10, subtask_labels=labels, eval_every=10, data_seed=27)
    for start in (0, 700):
        ours, theirs = (data.draw(stream, start, 100) for data in (circuit, parity))  # type: ignore[arg-type]
        assert ours.keys() == theirs.keys()
        for name in ours:
            assert torch.equal(ours[name], theirs[name])
            assert ours[name].numpy().tobytes() == theirs[name].numpy().tobytes()


def test_a_circuit_with_several_outputs_runs(tmp_path: Path) -> None:
    overlay = tmp_path / "adder.yaml"
    overlay.write_text("data: {init_args: {netlist: adder, gate_labels: false}}\n")
    assert in_child(lambda: fit(tmp_path / "run", *RUN, str(overlay))) == 0
    rows = read_table(tmp_path / "run" / "metrics.csv")
    for row in rows:
        assert 1 - float(row["val/accuracy"]) <= float(row["val/forced_errors"]) + 1e-9
        assert float(row["val/accuracy"]) < 0.5  # all five bits at once


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        ("y = and a z\nz = or y b", "node 'y': on the cycle y -> z -> y; allowed: a circuit without cycles"),
        ("y = and a q", "node 'q': read by 'y' but driven by nothing; allowed: an input or a gate's node"),
        ("y = not a b", "node 'y': not got 2 inputs; allowed: one input"),
        ("y = xor a", "node 'y': xor got 1 inputs; allowed: two inputs or more"),
        ("z = and a b", "output 'y': no such node; allowed: an input or a gate's node"),
    ],
    ids=["cycle", "undriven", "too many inputs", "too few inputs", "output missing"],
)
def test_a_wrong_netlist_is_one_line_and_exit_code_2(
    gates: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    netlist = tmp_path / "wrong.net"
    netlist.write_text(f"input a b c d\noutput y\n{gates}\n")
    assert fit(tmp_path / "run", *RUN, options=(f"--data.netlist={netlist}",)) == 2
    assert capsys.readouterr().err == f"lit: error: wrong.net: {message}\n"
    assert not (tmp_path / "run").exists()


def test_the_documented_circuit_is_read_and_a_smaller_one_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(circuits.__file__).parent / "README.md").read_text()
    (shown,) = (block for block in page.split("```") if block.strip().startswith("input "))
    adder, small = tmp_path / "adder.net", tmp_path / "small.net"
    adder.write_text(shown)
    x = np.array(list(itertools.product((0, 1), repeat=4)))
    labels = CircuitData(10, str(adder), eval_every=10).task.labels(x)
    sums = x[:, :2] @ [2, 1] + x[:, 2:] @ [2, 1]
    assert (labels[:, -3:] @ [4, 2, 1] == sums).all()
    small.write_text("input a b c\noutput y\ny = and a b c\n")
    assert fit(tmp_path / "run", *RUN, options=(f"--data.netlist={small}",)) == 2
    message = f"data.netlist: got '{small}'; allowed: a circuit of 4 to 128 inputs; it has 3\n"
    assert capsys.readouterr().err == f"lit: error: {message}"
    assert not (tmp_path / "run").exists()


def test_data_of_another_experiment_are_refused() -> None:
    module = CircuitGPT(max_length=46, width=8, layers=1, heads=1)
    with pytest.raises(UsageError) as caught:
        module.check_data(BitSubsetParityData(8, 10, eval_every=10))
    assert str(caught.value) == "data: got 'BitSubsetParityData'; allowed: CircuitData with CircuitGPT"
