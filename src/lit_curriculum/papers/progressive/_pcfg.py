"""Teachers and students of PCFG-BERT: the runs that figures 1 (right), 4, 5 and 22 to 27 share.

Students are compared at several lengths of their runs, not along one run: the cosine schedule of the learning
rate depends on a run's length (D.2). A comparison has the axes ``setting`` (grammar or mask rate), ``heads``
and ``num_steps``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lit_curriculum.papers.progressive._teaching import ONE_SHOT, ONE_SHOT_SOFT, callback, strategy
from lit_curriculum.reproduce.study import (
    Arm,
    Measured,
    Scale,
    Settings,
    Study,
    at_scale,
    last_accuracy,
)
from lit_curriculum.tasks.pcfg import load_grammar

TEACHER, PLAIN = "teacher", "plain"
PROGRESSIVE = "progressive kappa=1"
HALF, HALF_SOFT = "progressive kappa=1/2", "progressive kappa=1/2 tau=1"
EQUAL_SPLIT = "equal split"
GRAMMAR, MASK_RATE = "cfg3b", 0.3


@dataclass(frozen=True, kw_only=True)
class Design:
    """What is compared at a scale; the names follow the paper (section 4, D.2 and D.5).

    Attributes:
        scale: whose configurations the runs have.
        teacher_heads: attention heads of the teacher, of 8 dimensions each.
        heads: heads of the students, the narrow ones of most figures first.
        widths: heads of the models that figure 23 compares with the teacher, ascending.
        T0: updates of the teacher.
        N: checkpoints of progressive distillation, at multiples of T0 / N.
        spacing: updates between two harvested checkpoints and two measurements of M_robust.
        teacher_eval_every, eval_every: updates between two evaluations of a teacher, of a student.
        rates: grid of the students' peak learning rates.
        horizons: lengths of the students' runs in updates, ascending.
        variant_horizons: those of the horizons that figures 24 to 27 compare variants at.
        wide_lengths: at which figure 1 (right) shows models as wide as the teacher; None: the horizons.
        tuned_at: the length at which the rates of all lengths are chosen; None: each length has its own.
        student_steps: the length at which checkpoints are compared and students probed; one of the horizons.
        candidates: checkpoints tried as the intermediate one of two-shot distillation.
        T: student steps under the intermediate checkpoint, one line of figure 4 each.
        probe_strings: strings that a non-terminal probe is trained on.
        step_cost: relative cost of a teacher's and of a student's update.
        grammar: where strings come from; figure 27 varies it.
        mask_rate: share of the tokens to be predicted; figure 26 varies it.
    """

    scale: Scale
    teacher_heads: int
    heads: tuple[int, ...]
    widths: tuple[int, ...]
    T0: int
    N: int
    spacing: int
    teacher_eval_every: int
    eval_every: int
    rates: tuple[float, ...]
    horizons: tuple[int, ...]
    variant_horizons: tuple[int, ...]
    student_steps: int
    candidates: tuple[int, ...]
    T: tuple[int, ...]
    probe_strings: int
    step_cost: tuple[float, float] = (4.0, 1.0)
    grammar: str = GRAMMAR
    mask_rate: float = MASK_RATE
    tuned_at: int | None = None
    wide_lengths: tuple[int, ...] | None = None

    @property
    def setting(self) -> str:
        """What sets this design apart from the main one."""
        return self.grammar if self.mask_rate == MASK_RATE else f"mask rate {self.mask_rate:g}"

    @property
    def is_main(self) -> bool:
        """Whether grammar and mask rate are those of the main text."""
        return (self.grammar, self.mask_rate) == (GRAMMAR, MASK_RATE)

    @property
    def two_shots(self) -> list[str]:
        """The methods of figure 4: every T with every candidate."""
        return [two_shot(T, step) for T in self.T for step in self.candidates]

    def teaching(self) -> dict[str, Settings | None]:
        """Return SwapTeacher's arguments for each way to be taught; None is labels only."""
        return {
            PLAIN: None,
            ONE_SHOT: strategy("OneShot"),
            ONE_SHOT_SOFT: strategy("OneShot", tau=1.0),
            PROGRESSIVE: strategy("Kappa", kappa=1.0, N=self.N),
            HALF: strategy("Kappa", kappa=0.5, N=self.N),
            HALF_SOFT: strategy("Kappa", tau=1.0, kappa=0.5, N=self.N),
            EQUAL_SPLIT: strategy("EqualSplit", N=self.N),
            **{
                two_shot(T, s): strategy("TwoShot", T=T, checkpoint=s)
                for T in self.T
                for s in self.candidates
            },
        }


def two_shot(T: int, step: int) -> str:
    """Return the name of two-shot distillation: T student steps under checkpoint ``step`` first."""
    return f"two-shot T={T} from {step}"


_QUICK = Design(
    scale="quick",
    teacher_heads=8,
    heads=(1, 2),
    widths=(1, 2, 4),
    T0=4000,
    N=8,
    spacing=100,
    teacher_eval_every=100,
    eval_every=200,
    rates=(1e-2, 5e-3),
    horizons=(600, 1000, 2000),
    variant_horizons=(1000, 2000),
    student_steps=1000,
    candidates=(300, 600, 1200, 2400, 3600),
    T=(400,),
    probe_strings=6400,
)
DESIGNS: dict[Scale, Design] = {
    "smoke": replace(
        _QUICK,
        scale="smoke",
        teacher_heads=3,
        widths=(1,),
        T0=48,
        N=4,
        spacing=6,
        teacher_eval_every=6,
        eval_every=12,
        horizons=(12, 24),
        variant_horizons=(12, 24),
        student_steps=24,
        candidates=(6, 12),
        T=(6,),
        probe_strings=64,
    ),
    "quick": _QUICK,
    "laptop": Design(
        scale="laptop",
        teacher_heads=8,
        heads=(2, 4),
        widths=(2, 4),
        T0=8000,
        N=8,
        spacing=200,
        teacher_eval_every=200,
        eval_every=200,
        rates=(4e-2, 2e-2, 1e-2, 5e-3, 2.5e-3),
        horizons=(1000, 2000, 4000),
        variant_horizons=(2000, 4000),
        student_steps=2000,
        candidates=(400, 800, 1200, 1600, 2200, 3000, 4400, 6400),
        T=(800,),
        tuned_at=2000,
        wide_lengths=(8000,),
        probe_strings=6400,
    ),
    "paper": Design(
        scale="paper",
        teacher_heads=32,
        heads=(8, 16),
        widths=(8, 16),
        T0=8000,
        N=8,
        spacing=1000,
        teacher_eval_every=250,
        eval_every=250,
        rates=(1e-2, 7.5e-3, 5e-3, 2.5e-3, 1e-3),
        horizons=(2000, 4000, 8000, 16_000),
        variant_horizons=(2000, 4000, 8000, 16_000),
        student_steps=4000,
        candidates=(1000, 2000, 3000, 4000, 5000),
        T=(500, 1000, 2000),
        probe_strings=51_200,
        step_cost=(6.0, 1.0),
    ),
}


# --- runs -------------------------------------------------------------------------------------------------


def students(design: Design, methods: Sequence[str], heads: int, num_steps: int) -> Study:
    """Return students of one width and length.

    The peak learning rate is chosen for each method and width by the same search, for each length or at
    ``tuned_at``, in the main setting, and kept for other grammars and mask rates. Two-shot distillation of a
    T is one method, whatever its checkpoint: its rate is chosen with the candidate in the middle of the list.
    All students of a seed see the same batches, so their teacher's labels are computed once.
    """
    teaching, wide = design.teaching(), _teacher(design)
    probed = design.is_main and (heads, num_steps) == (design.heads[0], design.student_steps)
    tuned_as = {
        two_shot(T, step): two_shot(T, design.candidates[len(design.candidates) // 2])
        for T in design.T
        for step in design.candidates
    }
    arms = tuple(
        Arm(
            name=method,
            set={
                "model.heads": heads,
                "data.num_steps": num_steps,
                "data.eval_every": design.eval_every,
            },
            callbacks=(),
            probes=probes(design, num_steps, num_steps) if probed else (),
            teacher=wide,
            teach=teaching[method],
            tuned_as=tuned_as.get(method),
            seed_offset=1000,
            cost=design.step_cost[1],
        )
        for method in methods
    )
    main = replace(design, grammar=GRAMMAR, mask_rate=MASK_RATE)
    tuned_at = design.tuned_at or num_steps
    at_home = design.is_main and num_steps == tuned_at
    tuned_in = None if at_home else students(main, methods, heads, tuned_at)
    return _study(design, arms, heads, num_steps, tuned_in)


def variants(design: Design, methods: Sequence[str], *heads: int) -> tuple[Study, ...]:
    """Return students of these widths at the lengths at which figures 24 to 27 compare variants."""
    return tuple(students(design, methods, h, n) for h in heads for n in design.variant_horizons)


def labelled(design: Design, heads: int, num_steps: int) -> Study:
    """Return models trained with labels at the teacher's learning rate: teachers, or of other sizes."""
    if (heads, num_steps) == (design.teacher_heads, design.T0):
        return _study(design, (_teacher(design),), heads, num_steps)
    arm = Arm(
        name=TEACHER,
        set={
            "model.heads": heads,
            "model.optimizer.lr": _value(design, "model.optimizer.lr"),
            "data.num_steps": num_steps,
            "data.eval_every": design.teacher_eval_every,
        },
        callbacks=(),
        cost=design.step_cost[0 if heads == design.teacher_heads else 1],
    )
    return _study(design, (arm,), heads, num_steps)


def _teacher(design: Design) -> Arm:
    """Return the teacher with its checkpoints; of the main setting, its curve and its probes are shown."""
    eval_every = design.teacher_eval_every if design.is_main else design.T0 // design.N
    return Arm(
        name=TEACHER,
        set={
            "model.heads": design.teacher_heads,
            "model.optimizer.lr": _value(design, "model.optimizer.lr"),
            "data.num_steps": design.T0,
            "data.eval_every": eval_every,
        },
        callbacks=[callback("HarvestCheckpoints", every_n_steps=design.spacing)],
        probes=probes(design, design.spacing, design.T0 // design.N) if design.is_main else (),
        cost=design.step_cost[0],
    )


def teacher_of(design: Design, grammar: str) -> Arm:
    """Return the teacher of another grammar, to stand in a study of the main one: figure 27's own run."""
    made = _teacher(away := replace(design, grammar=grammar))
    return replace(made, name=f"teacher of {grammar}", set={**made.set, **_grammar(away)})


def probes(design: Design, ngrams_every: int, nonterminals_every: int) -> tuple[Settings, ...]:
    """Return callbacks that measure M_robust and M_close, and non-terminals, every so many updates."""
    strings = {"train_strings": design.probe_strings, "include_start": True}
    return (
        callback("LogNgrams", every_n_steps=ngrams_every, include_start=True),
        callback("LogNonterminals", every_n_steps=nonterminals_every, **strings),
    )


def _study(
    design: Design, arms: tuple[Arm, ...], heads: int, num_steps: int, tuned_in: Study | None = None
) -> Study:
    task = {} if design.grammar == GRAMMAR else _grammar(design)
    if design.mask_rate != MASK_RATE:
        task["data.mask_rate"] = design.mask_rate
    return at_scale(
        design.scale,
        "pcfg_bert",
        set=task,
        arms=arms,
        grid={"model.optimizer.lr": design.rates},
        score=last_accuracy,
        tuned_in=tuned_in,
        metrics={"accuracy": "test/accuracy", "loss": "val/loss"},
        tables={"ngrams.csv": _ngrams, "nonterminals.csv": _nonterminals},
        axes={"setting": design.setting, "heads": heads, "num_steps": num_steps},
        fixed=("data.grammar", "data.mask_rate"),
    )


def _grammar(design: Design) -> dict[str, Any]:
    strings = load_grammar(design.grammar, _value(design, "data.roots"))
    return {"data.grammar": design.grammar, "model.max_length": strings.max_length}


def _value(design: Design, key: str) -> Any:
    return at_scale(design.scale, "pcfg_bert", arms=()).value(key)


def _ngrams(rows: Sequence[dict[str, str]]) -> Iterator[Measured]:
    for row in rows:
        for name in ("robust", "close"):
            yield f"{name}_{row['n']}", int(row["step"]), float(row[name])


def _nonterminals(rows: Sequence[dict[str, str]]) -> Iterator[Measured]:
    for row in rows:
        yield f"nonterminal_{row['depth']}", int(row["step"]), float(row["accuracy"])
        yield f"chance_{row['depth']}", int(row["step"]), float(row["chance"])
