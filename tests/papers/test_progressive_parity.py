"""The sparse-parity figures on rows whose answers are known: each claim can hold, and each can fail."""

from __future__ import annotations

import importlib
from dataclasses import replace

import jsonschema
import pytest
from matplotlib.figure import Figure

from lit_curriculum.papers.figure import read_rows, write_rows
from lit_curriculum.papers.progressive import (
    fig1_left,
    fig2,
    fig2_full,
    fig7_left,
    fig8,
    fig8_full,
    fig9,
    parity,
)
from lit_curriculum.papers.progressive.distilled import strategy
from tests.papers.test_figure import SCHEMA

SEEDS = (0, 1, 2)
FIG1_METHODS = ("teacher", "progressive", "two-shot", "one-shot tau=1e-4", "one-shot tau=1", "plain")


def rising(final: float, solved_at: int = 60, end: int = 100) -> list[tuple[int, float]]:
    """Return a curve at chance that reaches its final value at a step."""
    return [(step, final if step >= solved_at else 0.5) for step in range(0, end + 1, 10)]


# --- figure 1, left ------------------------------------------------------------------------------------


def fig1_rows(**finals):
    """Rows in which every claim holds; ``method={seed: final}`` changes one."""
    rows = []
    for method in FIG1_METHODS:
        for seed in SEEDS:
            usual = 1.0 if method in ("teacher", "progressive", "two-shot") else 0.51
            final = finals.get(method, {}).get(seed, usual)
            rows += [
                {"method": method, "seed": seed, "lr": 0.1, "step": step, "accuracy": accuracy}
                for step, accuracy in rising(final)
            ]
    return rows


def statuses(module, rows, scale="laptop") -> dict[str, str]:
    return {claim.id: claim.status for claim in module.claims(rows, scale)}


def test_fig1_holds_where_it_should():
    assert set(statuses(fig1_left, fig1_rows()).values()) == {"holds"}
    assert len(statuses(fig1_left, fig1_rows())) == 5


@pytest.mark.parametrize(
    ("claim", "method", "final"),
    [
        ("teacher-solves", "teacher", 0.98),
        ("progressive-solves", "progressive", 0.98),
        ("two-shot-solves", "two-shot", 0.5),
        ("one-shot-stuck", "one-shot tau=1e-4", 0.61),
        ("one-shot-stuck", "one-shot tau=1", 0.61),
        ("plain-stuck", "plain", 0.61),
    ],
)
@pytest.mark.parametrize("seed", SEEDS)
def test_fig1_each_claim_fails_if_one_seed_says_otherwise(claim, method, final, seed):
    found = statuses(fig1_left, fig1_rows(**{method: {seed: final}}))
    assert found.pop(claim) == "fails"
    assert set(found.values()) == {"holds"}


def test_fig1_thresholds_are_met_exactly():
    exact = {"teacher": {0: 0.99}, "progressive": {0: 0.99}, "two-shot": {0: 0.99}, "plain": {0: 0.60}}
    assert set(statuses(fig1_left, fig1_rows(**exact)).values()) == {"holds"}


def test_fig1_reports_the_better_temperature_of_one_shot():
    rows = fig1_rows(**{"one-shot tau=1": {0: 0.55, 1: 0.55, 2: 0.55}})
    claim = next(claim for claim in fig1_left.claims(rows, "laptop") if claim.id == "one-shot-stuck")
    assert claim.measured == pytest.approx(0.55)


def test_fig1_what_counts_is_the_end_of_the_run():
    rows = fig1_rows()
    for row in rows:
        if row["method"] == "plain" and row["step"] == 50:
            row["accuracy"] = 1.0
    assert statuses(fig1_left, rows)["plain-stuck"] == "holds"


# --- figure 2 ------------------------------------------------------------------------------------------


def fig2_rows(inside=0.09, off=0.015, noise=0.002, late_inside=0.01, seed_changed=None, **finals):
    """Rows in which every claim holds; correlations are changed in one seed or in all."""
    rows = []

    def add(method, seed, quantity, step, value):
        rows.append(
            {"method": method, "seed": seed, "lr": 0.1, "quantity": quantity, "step": step, "value": value}
        )

    for seed in SEEDS:
        changed = seed_changed is None or seed == seed_changed
        for step, accuracy in rising(1.0):
            add("teacher", seed, "accuracy", step, accuracy)
        for step in (0, 50, 100):
            level = {0: 0.001, 50: inside if changed else 0.09, 100: late_inside if changed else 0.01}[step]
            for i in range(4):
                add("teacher", seed, f"in {i}", step, level)
            for quantity, value in (
                ("off_mean", off if changed else 0.015),
                ("off_std", 0.003),
                ("off_max", 0.02),
                ("noise", noise),
            ):
                add("teacher", seed, quantity, step, value)
    for name, step, usual in (("beginning", 40, 0.5), ("middle", 50, 1.0), ("end", 60, 0.55)):
        for seed in SEEDS:
            for at, accuracy in rising(finals.get(name, {}).get(seed, usual)):
                add(name, seed, "accuracy", at, accuracy)
            add(name, seed, "candidate", step, float("nan"))
    return rows


def test_fig2_holds_where_it_should():
    found = statuses(fig2, fig2_rows())
    assert found == dict.fromkeys(("middle-solves", "outside-stuck", "degree-1-gap", "gap-closes"), "holds")


@pytest.mark.parametrize(
    ("claim", "change"),
    [
        ("middle-solves", {"middle": {1: 0.98}}),
        ("outside-stuck", {"beginning": {1: 0.61}}),
        ("outside-stuck", {"end": {1: 0.61}}),
        ("degree-1-gap", {"inside": 0.05, "seed_changed": 1}),
        ("degree-1-gap", {"off": 0.029, "seed_changed": 1}),
        ("degree-1-gap", {"noise": 0.02}),
        ("gap-closes", {"late_inside": 0.09, "seed_changed": 1}),
        ("gap-closes", {"late_inside": 0.2, "seed_changed": 2}),
    ],
)
def test_fig2_each_claim_fails_if_one_seed_says_otherwise(claim, change):
    found = statuses(fig2, fig2_rows(**change))
    assert found.pop(claim) == "fails"
    assert set(found.values()) == {"holds"}


def test_fig2_gap_is_measured_at_the_checkpoint_that_taught():
    rows = fig2_rows()
    for row in rows:
        if row["quantity"] == "candidate" and row["method"] == "middle":
            row["step"] = 0
    assert statuses(fig2, rows)["degree-1-gap"] == "fails"


def test_fig2_ratio_is_inside_over_outside_and_noise():
    claim = next(c for c in fig2.claims(fig2_rows(), "laptop") if c.id == "degree-1-gap")
    assert claim.measured == pytest.approx(0.09 / 0.017)
    assert claim.spread == pytest.approx(0)


# --- figures 8 and 9 -----------------------------------------------------------------------------------


def test_fig8_is_figure_2_with_wider_students_of_the_same_teachers():
    for scale, setting in fig8.SETTINGS.items():
        narrow = fig2.SETTINGS[scale]
        assert setting.student_width == 10 * narrow.student_width
        assert setting.with_width(narrow.student_width) == narrow
        assert setting.teacher(3) == narrow.teacher(3)
    assert fig8.SETTINGS["paper"].student_width == 1000


@pytest.mark.parametrize(
    ("claim", "change"),
    [
        ("middle-solves", {"middle": {1: 0.98}}),
        ("outside-stuck", {"end": {1: 0.61}}),
        ("degree-1-gap", {"inside": 0.05, "seed_changed": 1}),
        ("gap-closes", {"late_inside": 0.09, "seed_changed": 1}),
    ],
)
def test_fig8_each_claim_holds_and_fails_if_one_seed_says_otherwise(claim, change):
    assert set(statuses(fig8, fig2_rows()).values()) == {"holds"}
    found = statuses(fig8, fig2_rows(**change))
    assert found.pop(claim) == "fails"
    assert set(found.values()) == {"holds"}


def fig9_rows(inside=(0.005, 0.03, 0.03), off=(0.002, 0.003, 0.003), changed_seed=None, **finals):
    """Rows in which every claim holds: noise 0.002; means in and off the support by degree."""
    rows = [row for row in fig2_rows(**finals) if row["quantity"] in ("accuracy", "candidate")]

    def add(seed, quantity, step, value):
        row = {"method": "teacher", "seed": seed, "lr": 0.1, "quantity": quantity}
        rows.append({**row, "step": step, "value": value})

    for seed in SEEDS:
        usual = changed_seed not in (None, seed)
        means = (0.005, 0.03, 0.03) if usual else inside
        others = (0.002, 0.003, 0.003) if usual else off
        for step in (0, 50, 100):
            for degree in (1, 2, 3):
                ending = "" if degree == 1 else f" {degree}"
                at_peak = means[degree - 1] if step == 50 else 0.001
                # Two monomials whose mean is at_peak.
                add(seed, "in " + "*".join(f"x{i + 1}" for i in range(degree)), step, 1.5 * at_peak)
                add(seed, "in " + "*".join(f"x{i + 2}" for i in range(degree)), step, 0.5 * at_peak)
                add(seed, f"off_mean{ending}", step, others[degree - 1])
                add(seed, f"off_std{ending}", step, 0.001)
                add(seed, f"noise{ending}", step, 0.002)
    return rows


def test_fig9_holds_where_it_should():
    found = statuses(fig9, fig9_rows())
    names = ("middle-solves", "middle-ahead", "degree-2-gap", "degree-3-gap", "higher-degrees-are-clearer")
    assert found == dict.fromkeys(names, "holds")


@pytest.mark.parametrize(
    ("claim", "change"),
    [
        ("middle-solves", {"middle": {1: 0.98}}),
        ("middle-ahead", {"beginning": {1: 1.0}}),
        ("middle-ahead", {"end": {2: 1.0}}),
        ("degree-2-gap", {"inside": (0.005, 0.0149, 0.03), "changed_seed": 1}),
        ("degree-2-gap", {"off": (0.002, 0.0081, 0.003), "changed_seed": 1}),
        ("degree-3-gap", {"inside": (0.001, 0.03, 0.0149), "changed_seed": 1}),
        ("higher-degrees-are-clearer", {"inside": (0.0241, 0.03, 0.03), "changed_seed": 1}),
    ],
)
def test_fig9_each_claim_fails_if_one_seed_says_otherwise(claim, change):
    found = statuses(fig9, fig9_rows(**change))
    assert found.pop(claim) == "fails"
    assert set(found.values()) == {"holds"}


def test_fig9_measures_ratios_degree_by_degree():
    measured = {claim.id: claim.measured for claim in fig9.claims(fig9_rows(), "laptop")}
    assert measured["degree-2-gap"] == pytest.approx(0.03 / 0.005)
    assert measured["higher-degrees-are-clearer"] == pytest.approx((0.03 / 0.005) / (0.005 / 0.004))


def test_fig9_draws_a_panel_a_degree():
    axes = fig9.draw(fig9_rows(), "laptop").axes
    assert len(axes) == 5
    for axis, degree in zip(axes[1:4], (1, 2, 3), strict=True):
        assert axis.get_title() == f"degree {degree} (seed 0)"
        # Two monomials, the mean of the others, three candidates.
        assert len(axis.lines) == 2 + 1 + 3


def test_fig9_teachers_have_the_higher_rate_and_measure_three_degrees():
    for scale, setting in fig9.SETTINGS.items():
        assert setting.teacher_lr == 1e-2
        assert setting.degrees == (1, 2, 3)
        assert scale == "smoke" or setting.T < fig2.SETTINGS[scale].T
    assert fig9.SETTINGS["paper"].T == 100_000


def log_monomials(setting, seed):
    """Return the arguments of a teacher's LogMonomials, or None."""
    callbacks = setting.teacher(seed).settings["trainer"]["callbacks"]
    return next((c["init_args"] for c in callbacks if c["class_path"] == "LogMonomials"), None)


def test_correlations_are_measured_for_reported_teachers_with_as_many_samples_as_the_setting_says():
    laptop = fig9.SETTINGS["laptop"]
    measured = log_monomials(laptop, laptop.seeds[0])
    assert (measured["samples"], measured["max_off_support"]) == (200_000, 1000)
    assert log_monomials(laptop, laptop.tuning_seeds[0]) is None
    # Where a setting says nothing the callback's own values count, and the run keeps its name.
    assert not {"samples", "max_off_support"} & set(log_monomials(fig2.SETTINGS["laptop"], 0))


@pytest.mark.parametrize(("module", "like", "width"), [(fig2_full, fig2, 100), (fig8_full, fig8, 1000)])
def test_the_full_length_run_is_the_published_setting_but_for_teacher_seeds_and_rates(module, like, width):
    setting, published = module.SETTINGS["laptop"], like.SETTINGS["paper"]
    same = replace(
        setting,
        teacher_width=published.teacher_width,
        rates=published.rates,
        seeds=published.seeds,
        tuning_seeds=published.tuning_seeds,
    )
    assert same == published
    assert (setting.d, setting.k, setting.student_width, setting.num_steps) == (100, 6, width, 20_000_000)
    assert set(setting.rates) <= set(published.rates)
    assert setting.teacher(0) == fig2_full.SETTINGS["laptop"].teacher(0)


def test_the_full_length_run_is_judged_like_figure_2():
    rows = [row for row in fig2_rows(end={0: 0.61}) if row["seed"] == 0]
    found = statuses(fig2_full, rows)
    assert found.pop("outside-stuck") == "fails"
    assert set(found.values()) == {"holds"}


# --- figure 7, left ------------------------------------------------------------------------------------

WIDTHS = fig7_left.SETTINGS["laptop"].widths
FIG7_SEEDS = fig7_left.SETTINGS["laptop"].seeds


def fig7_rows(solved=(90_000, 60_000, 30_000), **changes):
    """Rows in which wider is earlier; ``w<index>={seed: step or None}`` changes when a width solves it."""
    rows = []
    for i, width in enumerate(WIDTHS):
        for seed in FIG7_SEEDS:
            at = changes.get(f"w{i}", {}).get(seed, solved[i])
            for step in range(0, 110_001, 10_000):
                accuracy = 1.0 if at is not None and step >= at else 0.5
                rows.append({"method": width, "seed": seed, "lr": 0.1, "step": step, "accuracy": accuracy})
    return rows


def test_fig7_holds_where_it_should():
    found = statuses(fig7_left, fig7_rows())
    assert len(found) == len(WIDTHS)
    assert set(found.values()) == {"holds"}


def test_fig7_ratio_is_paired_by_seed():
    rows = fig7_rows(w0={0: 80_000}, w1={0: 40_000})
    claim = fig7_left.claims(rows, "laptop")[0]
    ratios = [2.0] + [1.5] * (len(FIG7_SEEDS) - 1)
    assert claim.measured == pytest.approx(sum(ratios) / len(ratios))


def test_fig7_one_seed_may_be_the_other_way_round():
    assert set(statuses(fig7_left, fig7_rows(w1={0: 100_000})).values()) == {"holds"}


@pytest.mark.parametrize("equal", [True, False])
def test_fig7_order_fails_if_wider_is_not_earlier(equal):
    solved = (60_000, 60_000, 30_000) if equal else (50_000, 60_000, 30_000)
    found = statuses(fig7_left, fig7_rows(solved))
    assert found.pop(f"{WIDTHS[1]}-before-{WIDTHS[0]}") == "fails"
    assert set(found.values()) == {"holds"}


def test_fig7_order_fails_if_most_seeds_say_otherwise_though_the_mean_ratio_is_large():
    changes = dict.fromkeys(FIG7_SEEDS[:3], 100_000)
    rows = fig7_rows(solved=(90_000, 20_000, 10_000), w1=changes)
    assert fig7_left.claims(rows, "laptop")[0].measured > 1
    assert statuses(fig7_left, rows)[f"{WIDTHS[1]}-before-{WIDTHS[0]}"] == "fails"


def test_fig7_a_narrow_network_that_never_solves_it_counts_as_later():
    rows = fig7_rows(w0=dict.fromkeys(FIG7_SEEDS))
    assert set(statuses(fig7_left, rows).values()) == {"holds"}
    assert fig7_left.claims(rows, "laptop")[0].measured > 1.8


def test_fig7_two_widths_that_never_solve_it_are_no_evidence():
    rows = fig7_rows(w0=dict.fromkeys(FIG7_SEEDS), w1=dict.fromkeys(FIG7_SEEDS))
    assert statuses(fig7_left, rows)[f"{WIDTHS[1]}-before-{WIDTHS[0]}"] == "fails"


def test_fig7_the_widest_must_solve_it_in_every_seed():
    found = statuses(fig7_left, fig7_rows(w2={1: None}))
    assert found["widest-solves"] == "fails"


# --- all three -----------------------------------------------------------------------------------------

ALL = [
    (fig1_left, fig1_rows),
    (fig2, fig2_rows),
    (fig7_left, fig7_rows),
    (fig8, fig2_rows),
    (fig9, fig9_rows),
]


@pytest.mark.parametrize(("module", "rows"), ALL)
def test_claims_at_laptop_scale_have_the_agreed_form(module, rows):
    from dataclasses import asdict

    claims = [asdict(claim) for claim in module.claims(rows(), "laptop")]
    jsonschema.validate(claims, SCHEMA["properties"]["claims"])
    assert len({claim["id"] for claim in claims}) == len(claims)


@pytest.mark.parametrize(("module", "rows"), ALL)
def test_drawing_gives_a_figure_with_curves_and_labelled_axes(module, rows, tmp_path):
    write_rows(tmp_path / "data.csv", rows())
    picture = module.draw(read_rows(tmp_path / "data.csv"), "laptop")
    assert isinstance(picture, Figure)
    assert len(picture.axes) == {fig2: 3, fig8: 3, fig9: 5}.get(module, 1)
    for axis in picture.axes:
        assert axis.lines
        assert axis.get_xlabel() == "training samples"
        assert axis.get_ylabel()
    picture.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 5000


def test_fig1_draws_every_method_once(tmp_path):
    axis = fig1_left.draw(fig1_rows(), "laptop").axes[0]
    assert [line.get_label() for line in axis.lines] == [
        "teacher",
        "progressive distillation",
        "two checkpoints",
        "one-shot distillation",
        "labels only",
    ]


def test_fig7_draws_every_width_once():
    axis = fig7_left.draw(fig7_rows(), "laptop").axes[0]
    assert [line.get_label() for line in axis.lines] == [f"width {width:,}" for width in WIDTHS]


@pytest.mark.parametrize("module", ["fig1_left", "fig2", "fig7_left", "fig8", "fig9"])
def test_no_claim_is_judged_at_smoke_scale(module):
    target = importlib.import_module(f"lit_curriculum.papers.progressive.{module}")
    setting = target.SETTINGS["smoke"]
    if module == "fig7_left":
        rows = [
            {"method": width, "seed": seed, "lr": 0.1, "step": step, "accuracy": 0.5}
            for width in setting.widths
            for seed in setting.seeds
            for step in (0, 10)
        ]
    else:
        rows = [
            row
            for row in {"fig1_left": fig1_rows, "fig9": fig9_rows}.get(module, fig2_rows)()
            if row["seed"] == 0
        ]
    assert set(statuses(target, rows, "smoke").values()) == {"not_evaluated"}


# --- runs and rows that the figures share ----------------------------------------------------------------


SETTING = parity.SETTINGS["laptop"]


def init_args(run, part):
    return run.settings[part]["init_args"]


def test_a_student_needs_the_teacher_of_its_seed_and_sees_other_samples():
    student = SETTING.student(0.1, 3, strategy("OneShot"))
    assert student.needs == (SETTING.teacher(3),)
    for part, key in (("data", "data_seed"), ("model", "model_seed")):
        assert init_args(student, part)[key] != init_args(SETTING.teacher(3), part)[key]


def test_a_student_of_labels_needs_no_teacher():
    plain = SETTING.student(0.1, 3)
    assert plain.needs == ()
    assert plain.settings["trainer"]["callbacks"] == []


def test_rates_are_chosen_without_looking_at_the_test_stream():
    tuning = SETTING.methods({"plain": None})["plain"](0.1, 100)
    assert init_args(tuning, "data")["eval_streams"] == ["val"]
    assert init_args(SETTING.student(0.1, 0), "data")["eval_streams"] == ["val", "test"]


def test_methods_keep_their_own_strategies():
    makers = SETTING.methods({"a": strategy("OneShot"), "b": strategy("Kappa", kappa=1.0)})
    names = [
        maker(0.1, 0).settings["trainer"]["callbacks"][0]["init_args"]["strategy"]["class_path"]
        for maker in makers.values()
    ]
    assert names == ["OneShot", "Kappa"]


def test_teacher_and_student_have_their_widths_rates_and_lengths():
    setting = replace(
        SETTING, teacher_width=7, student_width=3, num_steps=40, student_steps=90, teacher_lr=0.2
    )
    teacher, student = setting.teacher(0), setting.student(0.1, 0)
    assert (init_args(teacher, "model")["width"], init_args(student, "model")["width"]) == (7, 3)
    assert (init_args(teacher, "model")["lr"], init_args(student, "model")["lr"]) == (0.2, 0.1)
    assert (init_args(teacher, "data")["num_steps"], init_args(student, "data")["num_steps"]) == (40, 90)
    assert setting.with_width(5).student_width == 5


@pytest.mark.parametrize("settings", [parity.SETTINGS, parity.SETTINGS_FIG2, parity.SETTINGS_FIG9])
def test_every_harvested_checkpoint_is_also_evaluated(settings):
    for setting in settings.values():
        assert setting.spacing % setting.eval_every == 0
        assert setting.num_steps % setting.spacing == 0
        assert setting.student_steps > setting.T


def test_rows_give_curves_finals_and_first_steps():
    rows = [
        {"method": "a", "seed": seed, "step": step, "accuracy": accuracy}
        for seed, accuracies in ((1, (0.5, 0.9, 1.0)), (0, (0.5, 0.6, 0.7)))
        for step, accuracy in zip((0, 10, 20), accuracies, strict=True)
    ]
    rows.append({"method": "b", "seed": 0, "step": 0, "accuracy": 0.1})
    assert parity.curves(rows, "a") == [[(0, 0.5), (10, 0.6), (20, 0.7)], [(0, 0.5), (10, 0.9), (20, 1.0)]]
    assert parity.finals(rows, "a") == [0.7, 1.0]
    assert parity.steps_to(rows, "a", 0.9) == [float("inf"), 10]
    assert parity.curves(rows, "absent") == []


def test_only_the_test_stream_becomes_data():
    class Finished:
        def history(self, metric):
            return [(10, 0.5), (20, 0.75)] if metric == "test/accuracy" else [(10, 0.1)]

    assert parity.accuracy_rows("plain", 3, 0.1, Finished()) == [
        {"method": "plain", "seed": 3, "lr": 0.1, "step": 10, "accuracy": 0.5},
        {"method": "plain", "seed": 3, "lr": 0.1, "step": 20, "accuracy": 0.75},
    ]
