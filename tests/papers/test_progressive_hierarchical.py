"""Figures of hierarchical parity on rows whose answers are known: each claim can hold, and each can fail."""

from __future__ import annotations

from dataclasses import asdict

import jsonschema
import pytest

from lit_curriculum.papers.figure import read_rows, write_rows
from lit_curriculum.papers.progressive import fig15, fig17, fig18, fig19, hierarchical
from lit_curriculum.tasks.hierarchical_parity import HierarchicalParity
from tests.papers.test_figure import SCHEMA

SEEDS = (0, 1, 2)
USUAL = {
    "teacher": 1.0,
    "plain": 0.3,
    "one-shot": 0.3,
    "first level": 0.5,
    "last level": 0.75,
    "both": 1.0,
}


def rows_of(**finals):
    """Rows in which every claim holds; ``name={seed: final}`` changes one."""
    rows = []
    for method, usual in USUAL.items():
        for seed in SEEDS:
            final = finals.get(method.replace(" ", "_"), {}).get(seed, usual)
            for step in (0, 50, 100):
                accuracy = final if step == 100 else 0.25
                decisions = {"decision_1": 1.0, "decision_2": 0.5}
                row = {"method": method, "seed": seed, "lr": 0.1, "step": step, "accuracy": accuracy}
                rows.append({**row, **decisions, "teachers": "labels"})
    return rows


def statuses(module, rows, scale="laptop"):
    return {claim.id: claim.status for claim in module.claims(rows, scale)}


@pytest.mark.parametrize("module", [fig18, fig19])
def test_claims_hold_where_they_should(module):
    found = statuses(module, rows_of())
    assert len(found) == 5
    assert set(found.values()) == {"holds"}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("claim", "method", "final", "status"),
    [
        ("teacher-solves", "teacher", 0.98, "fails"),
        ("two-solve", "both", 0.98, "fails"),
        ("one-shot-falls-short", "one-shot", 0.91, "fails"),
        ("first-level-falls-short", "first_level", 0.91, "fails"),
        ("last-level-falls-short", "last_level", 0.91, "not_shown_at_scale"),
    ],
)
def test_each_claim_fails_if_one_seed_says_otherwise(claim, method, final, status, seed):
    found = statuses(fig18, rows_of(**{method: {seed: final}}))
    assert found.pop(claim) == status
    assert set(found.values()) == {"holds"}


def test_what_is_not_shown_at_laptop_scale_says_what_was_tried_and_fails_at_paper_scale():
    rows = rows_of(last_level={0: 1.0})
    claim = next(c for c in fig18.claims(rows, "laptop") if c.status == "not_shown_at_scale")
    assert "Tried" in claim.note
    assert statuses(fig18, rows, "paper")["last-level-falls-short"] == "fails"


def test_nothing_is_judged_at_smoke_scale():
    assert set(statuses(fig18, rows_of(), "smoke").values()) == {"not_evaluated"}


def test_claims_have_the_agreed_form():
    claims = [asdict(claim) for claim in fig18.claims(rows_of(last_level={0: 1.0}), "laptop")]
    jsonschema.validate(claims, SCHEMA["properties"]["claims"])


def test_a_lost_seed_is_an_error():
    with pytest.raises(ValueError, match=r"'both' lacks the seeds \[2\]"):
        fig18.claims([r for r in rows_of() if (r["method"], r["seed"]) != ("both", 2)], "laptop")


@pytest.mark.parametrize("module", [fig18, fig19])
def test_drawing_shows_the_levels_and_every_way(module, tmp_path):
    write_rows(tmp_path / "data.csv", rows_of())
    left, right = module.draw(read_rows(tmp_path / "data.csv"), "laptop").axes
    assert [line.get_label() for line in left.lines] == ["decision 1", "decision 2"]
    assert len(right.lines) == len(USUAL)
    assert {axis.get_xlabel() for axis in (left, right)} == {"training samples"}


@pytest.mark.parametrize("settings", [hierarchical.NARROW, hierarchical.WIDE])
def test_settings_fit_together(settings):
    for tree in settings.values():
        assert tree.spacing % tree.eval_every == 0
        assert tree.num_steps % tree.eval_every == 0
        assert tree.student_steps > 2 * tree.T
        assert not set(tree.seeds) & set(tree.tuning_seeds)


def test_the_paper_scale_is_the_published_setting():
    for settings, width in ((hierarchical.NARROW, 100), (hierarchical.WIDE, 1000)):
        tree = settings["paper"]
        assert (tree.d, tree.depth, tree.node_size) == (100, 3, 5)
        assert (tree.teacher_width, tree.student_width, tree.T) == (50_000, width, 2_000_000)
        assert tree.rates == (1e-2, 5e-3, 1e-3)


def test_every_way_needs_the_teacher_of_its_seed_and_sees_other_samples():
    tree = hierarchical.NARROW["laptop"]
    for how in tree.ways().values():
        student = tree.student(0.1, 3, how)
        assert student.needs == ((tree.teacher(3),) if how else ())
        assert student.settings["data"]["init_args"]["data_seed"] == 1003
    assert tree.student(0.1, 3, None, report=False).settings["data"]["init_args"]["eval_streams"] == ["val"]


def test_both_takes_the_first_and_the_last_level():
    how = hierarchical.WIDE["paper"].ways()["both"]
    assert how["strategy"]["init_args"]["phases"] == [
        ["monomials/degree_2/node_1"],
        [f"monomials/degree_2/node_{i}" for i in (4, 5, 6, 7)],
    ]


@pytest.mark.parametrize("scale", ["smoke", "laptop", "paper"])
def test_the_teacher_notes_what_the_strategies_ask_for(scale):
    tree = hierarchical.WIDE[scale]
    task = HierarchicalParity.create(tree.d, tree.depth, tree.node_size)
    harvest, monomials = tree.teacher(tree.seeds[0]).settings["trainer"]["callbacks"]
    assert monomials["init_args"]["every_n_steps"] == harvest["init_args"]["every_n_steps"]
    asked = tree.ways()["both"]["strategy"]["init_args"]["phases"]
    for level, phase in zip((1, tree.depth), asked, strict=True):
        nodes = [i for i in range(len(task.nodes)) if task.level(i) == level]
        assert phase == [f"monomials/degree_2/node_{i + 1}" for i in nodes]
    # A node can be seen in a class's probability if it lies on the way to that class.
    seen = {node for label in monomials["init_args"]["labels"] for node in task.path(label)}
    assert seen == set(range(len(task.nodes)))
    assert 2 in monomials["init_args"]["degrees"]


# --- figure 15 -----------------------------------------------------------------------------------------

WIDTHS = (hierarchical.NARROW["laptop"].student_width, hierarchical.WIDE["laptop"].student_width)


PAPER = dict(zip(WIDTHS, (100, 1000), strict=True))


def paper_rows(width, **change):
    rows = fig15_rows(width, **change)
    for row in rows:
        way, own = str(row["method"]).rsplit(" ", 1)
        row["method"] = f"{way} {PAPER[int(own)]}"
    return rows


def fig15_rows(changed_width=None, **finals):
    rows = []
    for width in WIDTHS:
        changes = finals if width == changed_width else {}
        rows += [
            {**row, "method": f"{row['method']} {width}"}
            for row in rows_of(**changes)
            if row["method"] in fig15.WAYS
        ]
    return rows


def test_fig15_holds_where_it_should():
    found = statuses(fig15, fig15_rows())
    assert len(found) == 4
    assert set(found.values()) == {"holds"}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("claim", "change"),
    [("progressive-solves", {"both": {1: 0.98}}), ("before-one-shot", {"one-shot": {1: 0.91}})],
)
def test_fig15_each_claim_fails_if_one_seed_of_one_width_says_otherwise(width, claim, change):
    found = statuses(fig15, fig15_rows(width, **change))
    assert found.pop(f"{claim}-{width}") == "fails"
    assert statuses(fig15, paper_rows(width, **change), "paper")[f"{claim}-{PAPER[width]}"] == "fails"
    assert set(found.values()) == {"holds"}


def test_fig15_draws_a_panel_a_width():
    axes = fig15.draw(fig15_rows(), "laptop").axes
    assert [len(axis.lines) for axis in axes] == [4, 4]
    assert [axis.get_title() for axis in axes] == [f"width {width}" for width in WIDTHS]


# --- figure 17 -----------------------------------------------------------------------------------------


def fig17_rows(root_at=20_000, last_at=60_000, root=0.04, last=0.04, seed_changed=None):
    """Correlations of 0.001 everywhere but at a level's peak; peaks are changed in one seed or in all."""
    rows = []
    for seed in SEEDS:
        changed = seed_changed in (None, seed)
        at = {"level 1": root_at if changed else 20_000, "level 2": last_at if changed else 60_000}
        peak = {"level 1": root if changed else 0.04, "level 2": last if changed else 0.04}
        for step in range(0, 100_001, 20_000):
            rows.append(fig17._row("accuracy", 0, seed, step, 0.5))
            for degree in (1, 3):
                rows.append(fig17._row("off", degree, seed, step, 0.003))
                rows.append(fig17._row("noise", degree, seed, step, 0.002))
                for level, spike in at.items():
                    value = peak[level] if step == spike and degree == 3 else 0.001
                    rows.append(fig17._row(level, degree, seed, step, value))
    return rows


def test_fig17_holds_where_it_should():
    found = statuses(fig17, fig17_rows())
    names = ("levels-one-after-the-other", "level-1-stands-out", "level-2-stands-out")
    assert found == dict.fromkeys(names, "holds")
    assert fig17.claims(fig17_rows(), "laptop")[1].measured == pytest.approx(0.04 / 0.005)


@pytest.mark.parametrize(
    ("claim", "change"),
    [
        ("levels-one-after-the-other", {"root_at": 60_000}),
        ("levels-one-after-the-other", {"root_at": 80_000}),
        ("level-1-stands-out", {"root": 0.0149}),
        ("level-2-stands-out", {"last": 0.0149}),
    ],
)
def test_fig17_each_claim_fails_if_one_seed_says_otherwise(claim, change):
    found = statuses(fig17, fig17_rows(**change, seed_changed=1))
    assert found.pop(claim) == "fails"
    assert set(found.values()) == {"holds"}


def test_fig17_what_the_first_samples_leave_does_not_count():
    rows = fig17_rows()
    for row in rows:
        if row["method"] == "level 2" and row["step"] == 0:
            row["value"] = 1.0
    assert set(statuses(fig17, rows).values()) == {"holds"}


def test_fig17_draws_a_panel_a_degree(tmp_path):
    write_rows(tmp_path / "data.csv", fig17_rows())
    axes = [a for a in fig17.draw(read_rows(tmp_path / "data.csv"), "laptop").axes if a.get_title()]
    assert [axis.get_title() for axis in axes] == ["degree 1", "degree 3"]
    assert [line.get_label() for line in axes[0].lines] == ["level 1", "level 2", "irrelevant"]
