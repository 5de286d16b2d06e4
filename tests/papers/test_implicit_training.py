"""Figures 1 to 3 of `implicit` on rows whose answers are known: each claim can hold, and each can fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from lit_curriculum.cli.training import parse_and_run
from lit_curriculum.papers import figure
from lit_curriculum.papers.implicit import implicit_fig1, implicit_fig2, implicit_fig3
from lit_curriculum.papers.implicit.training import Method, Training, at_most, finals, steps_to
from tests.support import config

MODULES = {"implicit-fig1": implicit_fig1, "implicit-fig2": implicit_fig2, "implicit-fig3": implicit_fig3}
STEPS = tuple(range(0, 1001, 100))


def curve(method: str, metric: str, chance: float, final: float, at: int) -> list[dict[str, Any]]:
    """Rows of every laptop seed: chance, and from step ``at`` on the final value."""
    return [
        {
            "method": method,
            "seed": seed,
            "lr": 1e-3,
            "metric": metric,
            "step": step,
            "value": final if step >= at else chance,
        }
        for seed in (0, 1, 2)
        for step in STEPS
    ]


def failing(module: Any, rows: list[dict[str, Any]]) -> list[str]:
    return [claim.id for claim in module.claims(rows, "laptop") if claim.status != "holds"]


# --- figure 1 ----------------------------------------------------------------------------------------


def fig1_rows(
    small: float = 1.0,
    alone: float = 0.51,
    mixed: float = 1.0,
    rmse: float = 0.01,
    shape_alone: float = 0.51,
    shape_mixed: float = 1.0,
) -> Any:
    setting, rows = implicit_fig1.SETTINGS["laptop"], []
    for n in setting.sizes:
        final = small if n == setting.sizes[0] else alone if n == setting.n else 0.8
        rows += curve(implicit_fig1.alone(n), "accuracy", 0.5, final, 300)
    for p in setting.p:
        # p = 0.3 is the fastest of those that ask for Parity.
        at = 400 if p == 0.3 else 700
        rows += curve(implicit_fig1.mixed(p), "accuracy", 0.5, mixed if p < 1 else 0.5, at)
        rows += curve(implicit_fig1.mixed(p), "sum_rmse", 0.3, rmse if p == 0.3 else 0.2, 200)
        rows += curve(implicit_fig1.mixed(p), "sum_accuracy", 0.2, 1.0, 200)
    for i, shape in enumerate(setting.shapes):
        # One of them decides: the first one of the claim without Sum, the last one of that with it.
        final = shape_alone if i == 0 else 0.5
        rows += curve(implicit_fig1.shaped(shape, 0.0), "accuracy", 0.5, final, 300)
        final = shape_mixed if i == len(setting.shapes) - 1 else 1.0
        rows += curve(implicit_fig1.shaped(shape, setting.shapes_p), "accuracy", 0.5, final, 300)
    return rows


def test_fig1_holds_where_it_should() -> None:
    claims = implicit_fig1.claims(fig1_rows(), "laptop")
    assert [claim.status for claim in claims] == ["holds"] * 6
    assert "p = 0.3" in claims[2].statement


@pytest.mark.parametrize(
    ("spoilt", "wrong"),
    [
        ({"small": 0.98}, "small-parity-alone-learned"),
        ({"alone": 0.56}, "parity-alone-fails"),
        ({"rmse": 1 / implicit_fig1.SETTINGS["laptop"].n}, "mixture-learns-sum"),
        ({"shape_alone": 0.56}, "other-sizes-fail-alone"),
        ({"shape_mixed": 0.98}, "other-sizes-solve-mixture"),
    ],
)
def test_each_claim_of_fig1_can_fail(spoilt: dict[str, float], wrong: str) -> None:
    assert failing(implicit_fig1, fig1_rows(**spoilt)) == [wrong]


def test_a_mixture_that_does_not_solve_parity_fails() -> None:
    assert "mixture-solves-parity" in failing(implicit_fig1, fig1_rows(mixed=0.98))


def test_fig1_shows_what_the_paper_lacks() -> None:
    """Sum accuracy of every mixture up to p = 1, where no steps to Parity exist, and other sizes."""
    drawn = implicit_fig1.draw(fig1_rows(), "laptop")
    titles = [axis.get_title() for axis in drawn.axes]
    setting = implicit_fig1.SETTINGS["laptop"]
    assert {0.5, 0.75, 0.9, 1.0} <= set(setting.p)
    assert len(drawn.axes[titles.index("the same runs on Sum")].lines) == len(setting.p)
    assert len(drawn.axes[titles.index("models of other widths x layers")].lines) == 2 * len(setting.shapes)
    times = drawn.axes[titles.index("time to solve (hollow: not solved)")]
    hollow = [line.get_xdata()[0] for line in times.lines if line.get_markerfacecolor() == "none"]
    assert hollow == [1.0] * 3


# --- figure 2 ----------------------------------------------------------------------------------------


def fig2_rows(
    multi: float = 1.0,
    single: float = 0.52,
    order: tuple[int, ...] = (100, 200, 300, 400, 500, 600, 700),
    last: int = 300,
    single_at: int = 500,
) -> Any:
    rows = []
    for chains in ("one", "several"):
        rows += curve(f"{chains}-multi", "accuracy", 0.5, multi, 500)
        rows += curve(f"{chains}-single", "accuracy", 0.5, single, single_at)
        for v, at in enumerate(order, 1):
            shown = last if chains == "one" and v == len(order) else at
            rows += curve(f"{chains}-multi", f"position_{v}", 0.5, 1.0, shown)
    return rows


def test_fig2_holds_where_it_should() -> None:
    assert failing(implicit_fig2, fig2_rows()) == []
    assert len(implicit_fig2.claims(fig2_rows(), "laptop")) == 6


@pytest.mark.parametrize(
    ("spoilt", "wrong"),
    [
        ({"multi": 0.94}, ["multi-label-learns-several", "multi-label-learns-one"]),
        ({"single": 0.61}, ["single-label-stuck-several", "single-label-stuck-one"]),
        # With several chains the fourth of four is the last: it overtakes, which no shortcut explains.
        (
            {"order": (100, 500, 300, 400, 500, 600, 700), "last": 250},
            ["first-positions-in-order", "last-overtakes-with-one-chain"],
        ),
        ({"order": (100, 200, 300, 300, 500, 600, 700)}, ["first-positions-in-order"]),
        # The fourth is never reached: it is not in order, and there is nothing that it could overtake.
        ({"order": (100, 200, 300, 2000, 500, 600, 700)}, ["first-positions-in-order"]),
        ({"last": 700}, ["last-overtakes-with-one-chain"]),
    ],
)
def test_each_claim_of_fig2_can_fail(spoilt: dict[str, Any], wrong: list[str]) -> None:
    assert failing(implicit_fig2, fig2_rows(**spoilt)) == wrong


def test_single_label_is_judged_from_as_many_strings_as_multi_label() -> None:
    assert failing(implicit_fig2, fig2_rows(single=0.9, single_at=600)) == []
    stuck = next(
        c for c in implicit_fig2.claims(fig2_rows(single=0.9, single_at=600), "laptop") if "stuck" in c.id
    )
    assert stuck.measured == 0.5
    assert "0.90, 0.90, 0.90; " in stuck.note
    assert stuck.note.endswith("0.562")
    # Where multi-label never learns, all of the run counts.
    assert "single-label-stuck-one" in failing(implicit_fig2, fig2_rows(multi=0.9, single=0.9, single_at=600))


# --- figure 3 ----------------------------------------------------------------------------------------


def fig3_rows(final: float = 0.95, baseline: float = 0.95, mixture_at: int = 600, all_at: int = 300) -> Any:
    return [
        *curve("cls-last", "accuracy", 0.1, baseline, 700),
        *curve("cls-mixture", "accuracy", 0.1, final, mixture_at),
        *curve("token-last", "accuracy", 0.1, baseline, 700),
        *curve("token-all", "accuracy", 0.1, final, all_at),
    ]


def test_fig3_holds_where_it_should() -> None:
    assert failing(implicit_fig3, fig3_rows()) == []
    # A baseline that never gets there makes the gain larger, not smaller.
    assert failing(implicit_fig3, fig3_rows(baseline=0.5)) == []
    judged = implicit_fig3.claims(fig3_rows(baseline=0.5), "laptop")
    gains = {claim.id: claim.measured for claim in judged}
    assert judged[1].note.endswith("; the single task ends at 0.50, 0.50, 0.50")
    assert gains["cls-mixture-sooner"] == STEPS[-1] / 600
    assert gains["token-all-sooner"] == STEPS[-1] / 300


@pytest.mark.parametrize(
    ("spoilt", "wrong"),
    [
        ({"mixture_at": 700}, ["cls-mixture-sooner"]),
        ({"all_at": 400}, ["token-all-sooner"]),
        ({"final": 0.89, "baseline": 0.89}, ["cls-mixture-learns", "token-all-learns"]),
    ],
)
def test_each_claim_of_fig3_can_fail(spoilt: dict[str, Any], wrong: list[str]) -> None:
    assert set(wrong) <= set(failing(implicit_fig3, fig3_rows(**spoilt)))


# --- all three ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rows", [("implicit-fig1", fig1_rows), ("implicit-fig2", fig2_rows), ("implicit-fig3", fig3_rows)]
)
def test_they_are_drawn_from_rows_alone(rows: Any) -> None:
    name, make = rows
    drawn = MODULES[name].draw(make(), "laptop")  # type: ignore[attr-defined]
    assert isinstance(drawn, Figure)
    assert all(axis.get_title() for axis in drawn.axes[:2])


@pytest.mark.parametrize(
    "rows", [("implicit-fig1", fig1_rows), ("implicit-fig2", fig2_rows), ("implicit-fig3", fig3_rows)]
)
def test_a_lost_seed_is_noticed(rows: Any) -> None:
    name, make = rows
    given = make()
    lost = [row for row in given if (row["method"], row["seed"]) != (given[0]["method"], 1)]
    with pytest.raises(ValueError, match=r"lacks the seeds \[1\]"):
        MODULES[name].claims(lost, "laptop")  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", list(MODULES))
@pytest.mark.parametrize("scale", ["smoke", "laptop", "paper"])
def test_every_scale_has_settings_a_cost_and_tuning_seeds_apart(name: str, scale: Any) -> None:
    module = figure.load(name)
    setting = module.SETTINGS[scale]
    assert module.cost(scale)
    assert not set(setting.tuning_seeds) & set(setting.seeds)
    assert scale == "smoke" or len(setting.seeds) == 3
    methods = [method.name for method in module.methods(setting)]
    assert len(set(methods)) == len(methods)


def shown_by_hand(setting: Any) -> Training:
    """What the figure's YAML is: of two kinds of runs, the several chains, and the values token by token."""
    part = getattr(setting, "several", getattr(setting, "token", setting))
    training: Training = part.training
    return training


@pytest.mark.parametrize("name", list(MODULES))
@pytest.mark.parametrize("scale", ["laptop", "paper"])
def test_a_figure_and_its_configurations_agree(name: str, scale: Any, tmp_path: Path) -> None:
    """A figure states length and batch, a YAML states them for those who run it by hand: both are one."""
    training = shown_by_hand(MODULES[name].SETTINGS[scale])  # type: ignore[attr-defined]
    import yaml

    merged: dict[str, Any] = {}
    for layer in training.configs:
        merged |= yaml.safe_load(Path(config(layer)).read_text())["data"]["init_args"]
    shown = {key: merged[key] for key in ("num_steps", "eval_every", "batch_size")}
    assert shown == {key: getattr(training, key) for key in shown}


@pytest.mark.parametrize("name", list(MODULES))
def test_every_run_of_a_figure_is_a_valid_configuration(name: str, tmp_path: Path) -> None:
    """At smoke scale, where models are small enough to be built."""
    module = figure.load(name)
    setting = module.SETTINGS["smoke"]
    for method in module.methods(setting):
        cli = checked(shown_by_hand(setting), method, tmp_path)
        assert (cli.datamodule.data_seed, cli.model.model_seed) == (5, 5)


@pytest.mark.parametrize(
    ("module", "panel", "of"),
    [(implicit_fig2, chains, chains) for chains in implicit_fig2.CHAINS]
    + [(implicit_fig3, pair, implicit_fig3.readout_of(pair)) for pair in implicit_fig3.PAIRS],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_every_run_of_a_laptops_panel_is_a_valid_configuration(
    module: Any, panel: Any, of: str, tmp_path: Path
) -> None:
    """Each panel has a model and a length of its own; these are small enough to be built."""
    setting = module.SETTINGS["laptop"]
    for method in module.methods(setting, [panel]):
        cli = checked(setting.of(of).training, method, tmp_path)
        assert cli.datamodule.num_steps == setting.of(of).training.num_steps


def checked(training: Training, method: Method, folder: Path) -> Any:
    """Return the CLI of a reported run, seed 5, after its checks and before its training."""
    import yaml

    run = training.run("x", method, training.rates[0], 5, report=True)
    overlay = folder / f"{method.name}.yaml"
    overlay.write_text(yaml.safe_dump(run.settings))
    words = [w for c in (*map(config, run.configs), str(overlay)) for w in ("--config", c)]
    cli = parse_and_run(["fit", *words, f"--run_dir={folder / 'run'}"], run=False)
    cli.preflight()
    return cli


def test_the_shipped_programs_say_how_the_figure_reads_them_from_cls() -> None:
    setting = implicit_fig3.SETTINGS["laptop"]
    shown = Path(config("programs")).read_text()
    training, n = setting.cls.training, setting.cls.n_statements
    words = [f"--model.{key}={value}" for key, value in training.model.items()]
    words += [f"--data.num_steps={training.num_steps}", f"--data.p_intermediate={setting.p_intermediate:g}"]
    words += [f"--model.n_statements={n}", f"--data.n_statements={n}"]
    assert [word for word in words if word not in shown] == []


def test_steps_and_last_values_by_hand() -> None:
    rows = curve("a", "m", 0.1, 0.9, 300)
    assert steps_to(rows, "a", "m", 0.9) == [300] * 3
    assert at_most(steps_to(rows, "a", "m", 0.91), 77) == [77] * 3
    assert finals([*rows[:-1], {**rows[-1], "value": 0.0}], "a", "m") == [0.9, 0.9, 0.0]


def test_rates_are_chosen_on_val_and_reported_runs_look_at_test_alone() -> None:
    training = Training(("lego",), 10, 5, 4, (1e-3,), data={"n_names": 7})
    for report, streams in ((False, ["val"]), (True, ["test"])):
        run = training.run("x", Method("a", data={"supervision": "multi"}), 1e-3, 5, report=report)
        data = run.settings["data"]["init_args"]
        assert data["eval_streams"] == streams
        assert (data["n_names"], data["supervision"], data["data_seed"]) == (7, "multi", 5)
