"""``lit predict`` writes a row for every sample, in their order."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lit_curriculum.cli.main import main
from lit_curriculum.experiments.parity_mixture import ParityMixtureData
from tests.support import config, fit, in_child

RUN = [config("parity_mixture"), config("smoke/parity_mixture")]


@pytest.mark.parametrize("size", [7, pytest.param(1000, marks=pytest.mark.slow)])
def test_every_row_of_the_stream_is_written_once_and_in_order(size: int, tmp_path: Path) -> None:
    """50 samples on two processes, the last batch ragged; labels, tasks and sums are drawn again."""
    assert in_child(lambda: fit(tmp_path / "run", *RUN)) == 0
    words = ["predict", *(word for path in RUN for word in ("--config", path))]
    words += ["--ckpt_path", str(tmp_path / "run" / "checkpoints" / "last.ckpt")]
    words += ["--run_dir", str(tmp_path / "new"), "--data.eval_samples=50", f"--data.eval_batch_size={size}"]
    words += ["--trainer.devices=2", "--trainer.accelerator=cpu", "--trainer.strategy=ddp_fork"]
    assert in_child(lambda: main([*words, "--trainer.enable_progress_bar=false"])) == 0
    written = load_file(tmp_path / "new" / "predictions.safetensors")
    drawn = ParityMixtureData(n=6, num_steps=1, eval_every=1).draw("test", 0, 50)
    for name in ("labels", "is_sum", "sums"):
        assert torch.equal(written[name], drawn[name]), name
    assert written["probabilities"].shape == (50, 2)
    assert written["predicted_sums"].shape == (50,)
