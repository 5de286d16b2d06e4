"""Pictures of controls: when a student's teacher changes, told from how it is taught."""

from __future__ import annotations

from typing import Any

import pytest

from lit_curriculum.papers.progressive._controls import _changes
from lit_curriculum.reproduce.study import Arm


@pytest.mark.parametrize(
    ("strategy", "given", "steps"),
    [
        ("TwoShot", {"T": 300}, [300]),
        ("PeakOfEach", {"T": 300, "phases": [["a"], ["b"]]}, [300, 600]),
        ("PeakOfEach", {"T": 600, "phases": [["a"], ["b"]]}, [600]),
        ("Kappa", {"kappa": 1.0}, []),
    ],
)
def test_a_teacher_changes_after_every_t_steps(
    strategy: str, given: dict[str, Any], steps: list[int]
) -> None:
    """A thousand steps long; the checkpoints of Kappa are too many to mark."""
    taught = Arm(name="taught", teach={"strategy": {"class_path": strategy, "init_args": given}})
    assert _changes(taught, 1000) == steps
