"""Teachers and students of GPT-2 on boundary tokens: the runs that figures 28 to 32 share (appendix E).

As for PCFG-BERT, students are compared at several lengths of their runs. A comparison has the axes
``grammar``, ``height`` (the paper's l), ``heads`` and ``num_steps``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lit_curriculum.papers.progressive._pcfg import HALF, TEACHER
from lit_curriculum.papers.progressive._teaching import ONE_SHOT, ONE_SHOT_SOFT, callback, strategy
from lit_curriculum.reproduce.study import Arm, Measured, Scale, Settings, Study, at_scale, last_accuracy
from lit_curriculum.tasks.pcfg import load_grammar

CONFIG, GRAMMAR = "pcfg_gpt2", "cfg3f"
HEIGHTS = (4, 3, 2)
"""In the order of the paper's panels."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """What is compared at a scale; the names follow the paper (appendix E).

    Attributes:
        scale: whose configurations the runs have.
        teacher_heads: attention heads of the teacher, of 8 dimensions each.
        heads: heads of the students, figure 30's first, then figure 31's.
        T0: updates of the teacher.
        N: checkpoints of progressive distillation, at multiples of T0 / N.
        eval_every: updates between two evaluations.
        rates: grid of the students' peak learning rates.
        horizons: lengths of the students' runs in updates, ascending.
        seeds: those that are reported.
        grammar: where strings come from; figure 32 varies it.
        height: which tokens are predicted.
    """

    scale: Scale
    teacher_heads: int
    heads: tuple[int, int]
    T0: int
    N: int
    eval_every: int
    rates: tuple[float, ...]
    horizons: tuple[int, ...]
    seeds: tuple[int, ...]
    grammar: str = GRAMMAR
    height: int = 3

    def teaching(self) -> dict[str, Settings]:
        """Return SwapTeacher's arguments for each way to be taught."""
        return {
            ONE_SHOT: strategy("OneShot"),
            ONE_SHOT_SOFT: strategy("OneShot", tau=1.0),
            HALF: strategy("Kappa", kappa=0.5, N=self.N),
        }


_LAPTOP = Design(
    scale="laptop",
    teacher_heads=4,
    heads=(1, 2),
    T0=1600,
    N=20,
    eval_every=80,
    rates=(2e-2, 1e-2),
    horizons=(240, 480),
    seeds=(0, 1, 2, 3, 4),
)
DESIGNS: dict[Scale, Design] = {
    "smoke": replace(
        _LAPTOP,
        scale="smoke",
        teacher_heads=3,
        T0=20,
        N=4,
        eval_every=5,
        rates=(1e-2,),
        horizons=(10, 20),
        seeds=(0,),
    ),
    "laptop": _LAPTOP,
    "paper": Design(
        scale="paper",
        teacher_heads=32,
        heads=(8, 16),
        T0=8000,
        N=20,
        eval_every=200,
        rates=(1e-2, 7.5e-3, 5e-3, 2.5e-3, 1e-3),
        horizons=(1000, 2000, 4000, 8000),
        seeds=(0, 1, 2),
    ),
}


def students(design: Design, heads: int, num_steps: int, methods: Sequence[str] = ()) -> Study:
    """Return students of one width and length, taught in these ways (default all).

    The peak learning rate is searched for each method, width and length at the main grammar and height 3.
    """
    teaching, wide = design.teaching(), _teacher(design)
    arms = tuple(
        Arm(
            name=method,
            set={"model.heads": heads, "data.num_steps": num_steps, "data.eval_every": design.eval_every},
            callbacks=(),
            teacher=wide,
            teach=teaching[method],
            seed_offset=1000,
        )
        for method in methods or teaching
    )
    main = replace(design, grammar=GRAMMAR, height=3)
    tuned_in = None if design == main else students(main, heads, num_steps)
    return _study(design, arms, heads, num_steps, tuned_in)


def at_all_lengths(design: Design, heads: int, methods: Sequence[str] = ()) -> tuple[Study, ...]:
    """Return students of one width at every length."""
    return tuple(students(design, heads, num_steps, methods) for num_steps in design.horizons)


def labelled(design: Design, heads: int) -> Study:
    """Return a model trained with labels for T0 updates: the teacher, or one of another size."""
    arm = _teacher(design)
    if heads != design.teacher_heads:
        arm = replace(arm, set={**arm.set, "model.heads": heads}, callbacks=(), probes=())
    return _study(design, (arm,), heads, design.T0)


def _teacher(design: Design) -> Arm:
    """Return the teacher with its checkpoints; at the main grammar and height 3 with its probe."""
    spacing = design.T0 // design.N
    # What is seen of few places is as clear at laptop scale; all of 64 x 8 took longer than the training.
    places = {"strings": 24, "positions": 4} if design.scale == "laptop" else {}
    probe = callback("LogSkipNgrams", every_n_steps=spacing, include_start=True, **places)
    lr = at_scale(design.scale, CONFIG, arms=()).value("model.optimizer.lr")
    return Arm(
        name=TEACHER,
        set={
            "model.heads": design.teacher_heads,
            "model.optimizer.lr": lr,
            "data.num_steps": design.T0,
            "data.eval_every": design.eval_every,
        },
        callbacks=[callback("HarvestCheckpoints", every_n_steps=spacing)],
        probes=(probe,) if (design.grammar, design.height) == (GRAMMAR, 3) else (),
        cost=4.0,
    )


def _study(
    design: Design, arms: tuple[Arm, ...], heads: int, num_steps: int, tuned_in: Study | None = None
) -> Study:
    task: dict[str, Any] = {"data.height": design.height}
    if design.grammar != GRAMMAR:
        roots = at_scale(design.scale, CONFIG, arms=()).value("data.roots")
        longest = load_grammar(design.grammar, roots).max_length
        task |= {"data.grammar": design.grammar, "model.max_length": longest}
    return at_scale(
        design.scale,
        CONFIG,
        set=task,
        arms=arms,
        seeds=design.seeds,
        tuning_seeds=(100,),
        grid={"model.optimizer.lr": design.rates},
        score=last_accuracy,
        tuned_in=tuned_in,
        metrics={"accuracy": "test/accuracy", "loss": "val/loss"},
        tables={"ngrams.csv": _ngrams},
        axes={"grammar": design.grammar, "height": design.height, "heads": heads, "num_steps": num_steps},
    )


def _ngrams(rows: Sequence[dict[str, str]]) -> Iterator[Measured]:
    for row in rows:
        for name in ("robust", "close"):
            yield f"{name}_{row['n']}", int(row["step"]), float(row[name])
