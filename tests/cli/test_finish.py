"""What a finished run says of itself."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from lit_curriculum.cli.finish import FinishRun


class Folder:
    """Keeps what it is told instead of writing it."""

    def __init__(self, path) -> None:
        self.path = path

    def finish(self, tables, manifests, **facts) -> None:
        self.facts = facts


def finished(folder: Folder, resume_step: int | None, seconds: float) -> dict:
    module = SimpleNamespace(step=30, tables=None)
    trainer, data = SimpleNamespace(callbacks=[]), SimpleNamespace(batch_size=8)
    FinishRun(folder, resume_step).record(trainer, module, data, seconds)
    return folder.facts


@pytest.mark.parametrize(
    ("resume_step", "wall", "rate"), [(None, 4.0, 60.0), (0, 4.0, 60.0), (20, 16.0, 20.0)]
)
def test_the_time_is_of_all_processes_and_the_rate_of_the_last(tmp_path, resume_step, wall, rate) -> None:
    (tmp_path / "metrics.csv").write_text("step,seconds\n10,5.0\n20,12.0\n30,3.9\n")
    facts = finished(Folder(tmp_path), resume_step, 4.0)
    assert (facts["wall_seconds"], facts["samples_per_second"]) == (wall, rate)


def test_a_run_that_had_only_to_be_marked_has_no_rate(tmp_path) -> None:
    (tmp_path / "metrics.csv").write_text("step,seconds\n30,7.0\n")
    facts = finished(Folder(tmp_path), 30, 0.0)
    assert (facts["wall_seconds"], facts["samples_per_second"]) == (7.0, None)
