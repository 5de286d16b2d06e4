"""Every precision of a trainer on a processor at every temperature of a teacher: it works, or is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from lit_curriculum.reading import read_table
from tests.support import config, fit, in_child

TAUS = (0.0, 1e-38, 1e-20, 1e-4, 1e-2, 1.0)
PRECISIONS = ("32-true", "64-true", "bf16-true", "bf16-mixed", "16-mixed")
SHORT = ("--data.num_steps=4", "--data.eval_every=2")


def slow_but(name: str, *fast: str) -> list[object]:
    """Return the experiment with every precision; all but a few are slow."""
    marked = [(p, () if p in fast else (pytest.mark.slow,)) for p in PRECISIONS]
    return [pytest.param(name, precision, marks=marks) for precision, marks in marked]


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        *slow_but("sparse_parity_minibatch"),
        *slow_but("pcfg_bert", "bf16-true"),
        pytest.param("sparse_parity_mlp", "32-true", marks=pytest.mark.slow),
        pytest.param("sparse_parity_mlp", "64-true", marks=pytest.mark.slow),
    ],
)
def test_a_student_learns_in_every_precision_at_every_temperature(
    name: str, precision: str, tmp_path: Path
) -> None:
    """What it learns is what it learns in float32: the same losses but for the precision's rounding."""
    run = [config(name), config(f"smoke/{name}")]
    short = ("--data.num_steps=2000",) if name == "sparse_parity_mlp" else SHORT
    overlay = tmp_path / "student.yaml"

    def student(tau: float, precision: str) -> int:
        overlay.write_text(
            "trainer: {callbacks: [{class_path: SwapTeacher, init_args: "
            f"{{bank: {tmp_path}/teacher/bank, tau: {tau!r}, strategy: {{class_path: OneShot}}}}}}]}}"
        )
        folder = tmp_path / f"{precision}-{tau}"
        options = (
            *short,
            f"--trainer.precision={precision}",
            "--trainer.logger=false",
            "--model.model_seed=1",
        )
        return fit(folder, *run, str(overlay), options=options)

    def all_of_them() -> int:
        codes = [fit(tmp_path / "teacher", *run, options=("--trainer.logger=false",))]
        codes += [student(tau, kind) for tau in TAUS for kind in {"32-true", precision}]
        return max(codes)

    assert in_child(all_of_them) == 0
    for tau in TAUS:
        ours, theirs = (
            read_table(tmp_path / f"{kind}-{tau}" / "metrics.csv") for kind in (precision, "32-true")
        )
        for row, other in zip(ours, theirs, strict=True):
            for metric in ("val/loss", "train/loss"):
                assert float(row[metric]) == pytest.approx(float(other[metric]), rel=0.03, abs=2e-3), tau


@pytest.mark.parametrize(
    ("name", "precision", "allowed"),
    [
        ("sparse_parity_mlp", "bf16-true", "32-true or 64-true with SparseParityMLP"),
        ("hierarchical_parity", "bf16-mixed", "32-true or 64-true with HierarchicalParityMLP"),
        ("elman", "64-true", "32-true with ElmanSGD"),
        ("sum_and_parity", "bf16-true", "32-true or 64-true with SumAndParityNet"),
        (
            "parity_mixture",
            "bf16-true",
            "32-true or 64-true or bf16-mixed or 16-mixed with ParityMixtureGPT",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    name: str, precision: str, allowed: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options = (f"--trainer.precision={precision}",)
    folder = tmp_path / "run"
    assert in_child(lambda: fit(folder, config(name), config(f"smoke/{name}"), options=options)) == 2
    message = f"lit: error: trainer.precision: got '{precision}'; allowed: {allowed}"
    assert message in capfd.readouterr().err.splitlines()
    assert not folder.exists()
