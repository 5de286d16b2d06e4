"""The accuracies by position that a run records, against counting by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch.nn import functional

from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.lego import LegoBert, LegoData
from lit_curriculum.experiments.programs import ProgramsBert, ProgramsData
from lit_curriculum.reading import read_table
from tests.support import config, fit, in_child

SMALL: dict[str, Any] = {"layers": 1, "heads": 2, "head_size": 4, "max_length": 24}


@pytest.mark.parametrize("name", ["lego", "programs"])
def test_a_run_records_the_hard_position_and_every_other(name: str, tmp_path: Path) -> None:
    """The last weights, evaluated again by hand on the same held-out samples."""
    assert in_child(lambda: fit(tmp_path / "run", config(name), config(f"smoke/{name}"))) == 0
    state = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    resolved = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text(encoding="utf-8"))
    module = (LegoBert if name == "lego" else ProgramsBert)(**resolved["model"]["init_args"])
    data: Any = (LegoData if name == "lego" else ProgramsData)(**resolved["data"]["init_args"])
    module.load_state_dict({key: value for key, value in state.items() if key.startswith("model.")})
    module.eval()
    row = read_table(tmp_path / "run" / "metrics.csv")[-1]
    for stream in ("val", "test"):
        batch = data.draw(stream, 0, 64)
        logits = module(batch["inputs"]).detach().view(64, 3, -1)
        labels = batch["labels"].view(64, 3)
        for v in range(3):
            accuracy = float((logits[:, v].argmax(-1) == labels[:, v]).float().mean())
            assert float(row[f"{stream}/position_{v + 1}"]) == pytest.approx(accuracy, abs=1e-6)
        assert row[f"{stream}/accuracy"] == row[f"{stream}/position_3"]
        loss = functional.cross_entropy(logits[:, 2], labels[:, 2])
        assert float(row[f"{stream}/loss"]) == pytest.approx(float(loss), abs=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": 0}, "layers: got 0; allowed: an integer of at least 1"),
        ({"heads": 0}, "heads: got 0; allowed: an integer of at least 1"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        LegoBert(13, **{**SMALL, **arguments})
    assert str(caught.value) == message


TINY: dict[str, Any] = {"layers": 1, "heads": 2, "head_size": 4}
LEGO = LegoData(100, [5], 8, batch_size=16, eval_every=10)
PROGRAMS = ProgramsData(100, 4, "cls", batch_size=16, eval_every=10)


@pytest.mark.parametrize(
    ("module", "data", "message"),
    [
        (LegoBert(12, 25, **TINY), LEGO, "model.vocab_size: got 12; allowed: at least the data's 13"),
        (LegoBert(13, 24, **TINY), LEGO, "model.max_length: got 24; allowed: at least the data's 25"),
        (LegoBert(13, **TINY), PROGRAMS, "data: got 'ProgramsData'; allowed: LegoData with LegoBert"),
        (ProgramsBert(**TINY), LEGO, "data: got 'LegoData'; allowed: ProgramsData with ProgramsBert"),
        (ProgramsBert("token", 4, **TINY), PROGRAMS, "model.readout: got 'token'; allowed: the data's 'cls'"),
        (ProgramsBert("cls", 3, **TINY), PROGRAMS, "model.n_statements: got 3; allowed: the data's 4"),
        (
            ProgramsBert("cls", 4, 8, **TINY),
            PROGRAMS,
            "model.max_length: got 8; allowed: at least the data's 9",
        ),
    ],
)
def test_data_that_do_not_fit_are_refused(module: Any, data: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        module.check_data(data)
    assert str(caught.value) == message
