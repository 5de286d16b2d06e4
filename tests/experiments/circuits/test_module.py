"""Circuits on GPT-2: the parity tree is bit-subset parity, several outputs, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.bit_subset_parity import BitSubsetParityData
from lit_curriculum.experiments.circuits import CircuitData, CircuitGPT
from lit_curriculum.files import read_table
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


def test_a_wrong_netlist_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    netlist = tmp_path / "ring.net"
    netlist.write_text("input a b c d\noutput y\ny = and a z\nz = or y b\n")
    assert fit(tmp_path / "run", *RUN, options=(f"--data.netlist={netlist}",)) == 2
    message = capsys.readouterr().err
    assert message == (
        "lit: error: ring.net: node 'y': on the cycle y -> z -> y; allowed: a circuit without cycles\n"
    )


def test_data_of_another_experiment_are_refused() -> None:
    module = CircuitGPT(max_length=46, width=8, layers=1, heads=1)
    with pytest.raises(UsageError) as caught:
        module.check_data(BitSubsetParityData(8, 10, eval_every=10))
    assert str(caught.value) == "data: got 'BitSubsetParityData'; allowed: CircuitData with CircuitGPT"
