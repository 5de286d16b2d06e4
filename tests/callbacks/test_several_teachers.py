"""Several teachers in one run, and answers of k classes, through the real command line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lit_curriculum.cli.main import main
from lit_curriculum.reading import read_table
from tests.support import config, fit

RUN = [config("pcfg_bert"), config("smoke/pcfg_bert")]
SHORT = ("--data.num_steps=12", "--data.eval_every=6", "--trainer.logger=false")


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Train two teachers and return their banks."""
    root = tmp_path_factory.mktemp("teachers")
    harvest = "--trainer.callbacks=[{class_path: HarvestCheckpoints, init_args: {every_n_steps: 6}}]"
    for seed in (0, 1):
        assert fit(root / str(seed), *RUN, options=(*SHORT, f"--model.model_seed={seed}", harvest)) == 0
    return [root / str(seed) / "bank" for seed in (0, 1)]


def swaps(*teachers: str) -> str:
    entries = ", ".join(f"{{class_path: SwapTeacher, init_args: {{{teacher}}}}}" for teacher in teachers)
    return f"--trainer.callbacks=[{entries}]"


def taught(bank: Path, **options: object) -> str:
    given = {"bank": bank, "strategy": "{class_path: EqualSplit, init_args: {N: 2}}", "tau": 1.0, **options}
    return ", ".join(f"{name}: {value}" for name, value in given.items())


def weights(run: Path) -> dict[str, torch.Tensor]:
    state = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert isinstance(state, dict)
    return state


def test_two_teachers_swap_side_by_side(banks: list[Path], tmp_path: Path) -> None:
    both = swaps(*(taught(bank, weight=0.5) for bank in banks))
    assert fit(tmp_path / "both", *RUN, options=(*SHORT, both)) == 0
    rows = read_table(tmp_path / "both" / "swaps.csv")
    assert [(row["step"], row["teacher_step"]) for row in rows] == [("0", "6")] * 2 + [("6", "12")] * 2
    assert [row["bank"] for row in rows] == [str(bank) for bank in banks] * 2
    # Half of each is neither of them.
    for number, bank in enumerate(banks):
        assert fit(tmp_path / str(number), *RUN, options=(*SHORT, swaps(taught(bank)))) == 0
    losses = [
        float(read_table(tmp_path / run / "metrics.csv")[-1]["train/loss"]) for run in ("both", "0", "1")
    ]
    assert len(set(losses)) == 3
    # A KL is convex in its target.
    assert losses[0] < max(losses[1:])


def test_a_share_that_changes_hands_over_from_one_teacher_to_the_other(
    banks: list[Path], tmp_path: Path
) -> None:
    """All of the first until step 4, then all of the second: what Explicit would do with one bank of both."""
    one_shot = "{class_path: OneShot}"
    early = taught(banks[0], strategy=one_shot, weight="{0: 1.0, 4: 0.0}")
    late = taught(banks[1], strategy=one_shot, weight="{0: 0.0, 4: 1.0}")
    assert fit(tmp_path / "both", *RUN, options=(*SHORT, swaps(early, late))) == 0
    rows = read_table(tmp_path / "both" / "swaps.csv")
    found = [(row["step"], row["bank"], float(row["weight"])) for row in rows]
    assert found == [
        (step, str(bank), share)
        for step, shares in (("0", (1.0, 0.0)), ("4", (0.0, 1.0)))
        for bank, share in zip(banks, shares, strict=True)
    ]
    # As after four updates under the first alone, and as nothing that either does by itself.
    first = swaps(taught(banks[0], strategy=one_shot, weight="{0: 1.0}"))
    assert fit(tmp_path / "first", *RUN, options=(*SHORT, first)) == 0
    alone = swaps(taught(banks[0], strategy=one_shot))
    assert fit(tmp_path / "alone", *RUN, options=(*SHORT, alone)) == 0
    first, alone, both = (weights(tmp_path / name) for name in ("first", "alone", "both"))
    assert all(torch.equal(first[name], alone[name]) for name in alone)
    assert any(not torch.equal(both[name], alone[name]) for name in alone)


def test_k_classes_from_the_cache_are_those_just_computed(banks: list[Path], tmp_path: Path) -> None:
    for name, cache in (("asked", "false"), ("first", "true"), ("second", "true")):
        options = (*SHORT, swaps(taught(banks[0], top_k=2, label_cache=cache)))
        assert fit(tmp_path / name, *RUN, options=options) == 0
    asked, first, second = (weights(tmp_path / name) for name in ("asked", "first", "second"))
    assert all(torch.equal(asked[k], first[k]) and torch.equal(asked[k], second[k]) for k in asked)
    assert list((banks[0].parent / "labels").glob("*/*.labels"))
    options = (*SHORT, swaps(taught(banks[0], label_cache="false")))
    assert fit(tmp_path / "whole", *RUN, options=options) == 0
    whole = weights(tmp_path / "whole")
    assert any(not torch.equal(asked[k], whole[k]) for k in asked)  # of V = 5 classes, k = 2 tell less


@pytest.mark.parametrize(
    ("teachers", "said"),
    [
        (
            ({}, {}),
            "trainer.callbacks: got 'two of one class'; allowed: each class once; several SwapTeacher",
        ),
        (({"weight": 0.5},), "SwapTeacher.weight: got [0.5]; allowed: one for each of the run's 1 teachers"),
        (({"weight": 0.5}, {"weight": 0.6}), "SwapTeacher.weight: got [0.5, 0.6]"),
        (
            ({"weight": 0.5}, {"weight": 0.5, "tau": 2.0}),
            "SwapTeacher.tau: got [1.0, 2.0]; allowed",
        ),
        (({"weight": 1.5},), "SwapTeacher.weight: got 1.5; allowed: above 0, below 1"),
        (({"weight": "{3: 1.0}"},), "SwapTeacher.weight: got {3: 1.0}; allowed: steps of the student"),
        (({"weight": "{0: 1.5}"},), "SwapTeacher.weight: got {0: 1.5}; allowed: shares from 0 to 1"),
        (
            ({"weight": "{0: 1.0, 5: 0.5}"}, {"weight": "{0: 0.0, 6: 0.5}"}),
            "which add up to 1 at every step",
        ),
        (({"top_k": 0},), "SwapTeacher.top_k: got 0; allowed: an integer of at least 1"),
        (({"top_k": 2, "label_weight": 0.5},), "SwapTeacher.top_k: got 2; allowed: null with label_weight"),
    ],
)
def test_teachers_must_go_together(
    teachers: tuple[dict[str, object], ...],
    said: str,
    banks: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    callbacks = swaps(*(taught(bank, **more) for bank, more in zip(banks, teachers, strict=False)))
    assert fit(tmp_path / "run", *RUN, options=(*SHORT, callbacks)) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_two_teachers_of_one_bank_are_one_too_many(
    banks: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    callbacks = swaps(*(taught(banks[0], weight=0.5) for _ in range(2)))
    assert fit(tmp_path / "run", *RUN, options=(*SHORT, callbacks)) == 2
    assert "several SwapTeacher with a weight and another bank for each" in capsys.readouterr().err


def test_batch_1_sgd_hears_all_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    teacher = [config("sparse_parity_mlp"), config("smoke/sparse_parity_mlp")]
    short = ("--data.num_steps=2000", "--data.eval_every=1000", "--data.steps_per_call=1000")
    harvest = "--trainer.callbacks=[{class_path: HarvestCheckpoints, init_args: {every_n_steps: 1000}}]"
    assert fit(tmp_path / "teacher", *teacher, options=(*short, harvest)) == 0
    callbacks = swaps(taught(tmp_path / "teacher" / "bank", top_k=1))
    assert fit(tmp_path / "student", *teacher, options=(*short, callbacks)) == 2
    assert "SwapTeacher.top_k: got 1; allowed: null with batch-1 SGD" in capsys.readouterr().err
    assert main(["bank", "list", str(tmp_path / "teacher")]) == 0
