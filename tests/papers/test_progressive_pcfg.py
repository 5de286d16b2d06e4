"""Figure 4's claims can say no, and its settings are those of the shipped configurations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lit_curriculum.cli.training import parse_and_run
from lit_curriculum.papers.figure import Scale
from lit_curriculum.papers.progressive import fig4, pcfg
from tests.support import config

SETTING = fig4.SETTINGS["laptop"]
STEPS = list(range(100, SETTING.num_steps + 1, 100))


def rows(best: int, end: float = 0.1, one_shot: float = 0.6) -> list[dict[str, Any]]:
    """Rows of a run whose M_robust(3) peaks at step 500, with the best student taught from ``best``."""
    made = []
    for seed in SETTING.seeds:
        for step in STEPS:
            robust = float(np.interp(step, [0, 500, STEPS[-1]], [0, 0.4, end]))
            loss = float(np.interp(step, [0, 300, 700, STEPS[-1]], [1.1, 1.1, 0.5, 0.4]))
            made.append(pcfg.row("teacher", seed, 1e-3, "val/loss", step, loss))
            made += [pcfg.row("teacher", seed, 1e-3, f"robust_{n}", step, robust) for n in (3, 5, 7, 9)]
        finals = {"plain": 0.6, fig4.ONE_SHOT[0]: one_shot, fig4.ONE_SHOT[1]: 0.55}
        finals |= {
            fig4.two_shot(T, step): 0.7 if step == best else 0.65
            for T in SETTING.T
            for step in SETTING.candidates
        }
        made += [pcfg.row(name, seed, 1e-3, "test/accuracy", 800, value) for name, value in finals.items()]
    return made


def status(given: list[dict[str, Any]], scale: Scale = "laptop") -> dict[str, str]:
    return {claim.id: claim.status for claim in fig4.claims(given, scale)}


def test_the_paper_s_picture_holds() -> None:
    assert set(status(rows(best=500)).values()) == {"holds"}
    assert {choice.by_peak for choice in fig4.choices(rows(best=500))} == {500}


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (rows(best=1200), "best-at-inflection"),
        (rows(best=500, end=0.39), "robust-falls"),
        (rows(best=500, one_shot=0.75), "two-shot-over-one-shot"),
    ],
)
def test_another_picture_fails(given: list[dict[str, Any]], wrong: str) -> None:
    assert [name for name, value in status(given).items() if value == "fails"] == [wrong]


def test_it_is_drawn_from_rows_alone() -> None:
    axes = fig4.draw(rows(best=500), "laptop").axes
    assert len(axes) == 3
    assert all(axis.get_legend() is not None for axis in axes)


@pytest.mark.parametrize("scale", ["laptop", "paper"])
def test_the_figure_and_the_configurations_agree(scale: Scale, tmp_path: Any) -> None:
    setting = fig4.SETTINGS[scale]
    words = [word for name in setting.configs for word in ("--config", config(name))]
    cli = parse_and_run(["fit", *words, f"--run_dir={tmp_path / 'run'}"], run=False)
    harvest = next(c for c in cli.trainer.callbacks if type(c).__name__ == "HarvestCheckpoints")
    shown = {
        "num_steps": cli.datamodule.num_steps,
        "eval_every": cli.datamodule.eval_every,
        "teacher_heads": cli.model.model.init_args["heads"],
        "spacing": harvest.every_n_steps,
    }
    assert shown == {name: getattr(setting, name) for name in shown}
