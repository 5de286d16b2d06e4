"""The tree's LightningModule: decisions are measured as they are defined, and a wrong fit is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lit_curriculum.distillation import CheckpointBank
from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.hierarchical_parity import HierarchicalParityData, HierarchicalParityMLP
from lit_curriculum.experiments.sparse_parity import SparseParityData
from lit_curriculum.reading import read_table
from tests.support import config, fit, in_child


def test_decisions_are_compared_between_siblings_on_the_true_path(tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("data: {init_args: {num_steps: 6000, eval_samples: 500, eval_streams: [val, test]}}\n")
    configs = [config("hierarchical_parity"), config("smoke/hierarchical_parity"), str(overlay)]
    assert in_child(lambda: fit(tmp_path / "run", *configs)) == 0
    bank = CheckpointBank.open(tmp_path / "run" / "bank")
    row = read_table(tmp_path / "run" / "metrics.csv")[-1]
    for stream in ("val", "test"):
        batch = HierarchicalParityData(12, 1000, 2, 3, eval_samples=500).draw(stream, 0, 500)  # type: ignore[arg-type]
        p = torch.softmax(bank.load(bank.final)(batch["inputs"]), -1)
        right = [0, 0]
        for of_classes, label in zip(p.tolist(), batch["labels"].tolist(), strict=True):
            left_half, right_half = sum(of_classes[:2]), sum(of_classes[2:])
            right[0] += (right_half > left_half) == (label >= 2)
            right[1] += of_classes[label] > of_classes[label ^ 1]
        for level, count in enumerate(right, 1):
            assert float(row[f"{stream}/decision_{level}"]) == pytest.approx(count / 500, abs=1e-6)
    assert float(row["val/decision_1"]) > 0.6  # the root is learned first


def test_an_unknown_depth_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        HierarchicalParityMLP(12, 5, depth=0)
    assert str(caught.value) == "model.depth: got 0; allowed: an integer from 1 to 16"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (SparseParityData(12, 3, 1000), "data: got 'SparseParityData'; allowed: HierarchicalParityData"),
        (HierarchicalParityData(12, 1000, 1, 3), "model.depth: got 2; allowed: the data's depth = 1"),
        (HierarchicalParityData(13, 1000, 2, 3), "model.d: got 12; allowed: the data's d = 13"),
    ],
)
def test_data_that_do_not_fit_are_refused(data, message) -> None:
    with pytest.raises(UsageError) as caught:
        HierarchicalParityMLP(12, 5, depth=2).check_data(data)
    assert str(caught.value) == message
