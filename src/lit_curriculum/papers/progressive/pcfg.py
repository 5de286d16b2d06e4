"""Runs and settings that the PCFG-BERT figures share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lit_curriculum.papers.figure import Scale
from lit_curriculum.papers.progressive.distilled import strategy
from lit_curriculum.runs.graph import Run
from lit_curriculum.tasks.pcfg import load_grammar

PLAIN = "plain"
ONE_SHOT, ONE_SHOT_SOFT = "one-shot tau=1e-4", "one-shot tau=1"
PROGRESSIVE = "progressive kappa=1"
HALF, HALF_SOFT = "progressive kappa=1/2", "progressive kappa=1/2 tau=1"
EQUAL_SPLIT = "equal split"


@dataclass(frozen=True)
class Pcfg:
    """What a scale sets; the names follow the paper (section 4, D.2 and D.5).

    Attributes:
        configs: overlays of ``pcfg_bert`` that give strings, batch and model.
        teacher_heads: attention heads of the teacher, of 8 dimensions each.
        heads: heads of the students, the narrow ones of most figures first.
        widths: heads of the models that figure 23 compares with the teacher, ascending.
        T0: updates of the teacher.
        N: checkpoints of progressive distillation, at multiples of T0 / N.
        spacing: updates between two harvested checkpoints and two measurements of M_robust.
        teacher_eval_every: updates between two evaluations of the teacher.
        eval_every: the same of a student.
        teacher_lr: the teacher's peak rate.
        rates: grid of the students' peak rates.
        horizons: lengths of the students' runs in updates, ascending.
        variant_horizons: those of the horizons that figures 24 to 27 compare variants at.
        student_steps: the length at which checkpoints are compared and students probed; one of the horizons.
        candidates: checkpoints tried as the intermediate one of two-shot distillation.
        T: student steps under the intermediate checkpoint, one line of figure 4 each.
        probe_strings: strings that a non-terminal probe is trained on.
        step_cost: relative cost of a teacher's and of a student's update.
        roots: symbols that strings start from; None is the grammar's own root.
        grammar: where strings come from; figure 27 varies it.
        mask_rate: share of the tokens to be predicted; figure 26 varies it.
        seeds: seeds that are reported; data and model seed together.
        tuning_seeds: seeds that choose the rates.
    """

    configs: tuple[str, ...]
    teacher_heads: int
    heads: tuple[int, ...]
    widths: tuple[int, ...]
    T0: int
    N: int
    spacing: int
    teacher_eval_every: int
    eval_every: int
    teacher_lr: float
    rates: tuple[float, ...]
    horizons: tuple[int, ...]
    variant_horizons: tuple[int, ...]
    student_steps: int
    candidates: tuple[int, ...]
    T: tuple[int, ...]
    probe_strings: int
    step_cost: tuple[float, float]
    roots: tuple[int, ...] | None
    grammar: str = "cfg3b"
    mask_rate: float = 0.3
    seeds: tuple[int, ...] = (0, 1, 2)
    tuning_seeds: tuple[int, ...] = (100, 101)

    def strategies(self) -> dict[str, dict[str, Any] | None]:
        """Return SwapTeacher's strategy and tau for each way to be taught; None is labels only."""
        return {
            PLAIN: None,
            ONE_SHOT: strategy("OneShot"),
            ONE_SHOT_SOFT: strategy("OneShot", tau=1.0),
            PROGRESSIVE: strategy("Kappa", kappa=1.0, N=self.N),
            HALF: strategy("Kappa", kappa=0.5, N=self.N),
            HALF_SOFT: strategy("Kappa", tau=1.0, kappa=0.5, N=self.N),
            EQUAL_SPLIT: strategy("EqualSplit", N=self.N),
            **{
                two_shot(T, step): strategy("TwoShot", T=T, checkpoint=step)
                for T in self.T
                for step in self.candidates
            },
        }

    def tuned_as(self, method: str) -> str:
        """Return the method whose rate a method takes: its own, but one for all two-shot students of a T."""
        for T in self.T:
            if method in [two_shot(T, step) for step in self.candidates]:
                return two_shot(T, self.candidates[len(self.candidates) // 2])
        return method

    def teacher(self, seed: int) -> Run:
        """Return the teacher of a seed with its checkpoints.

        Where it is reported and of the main setting, M_robust, M_close and the non-terminal probe are
        measured as well.
        """
        harvest = {"every_n_steps": self.spacing}
        callbacks = [{"class_path": "HarvestCheckpoints", "init_args": harvest}]
        eval_every = self.teacher_eval_every
        if not self.is_main:
            eval_every = self.T0 // self.N  # its curve is not shown
        elif seed in self.seeds:
            callbacks += self._probes(self.spacing, self.T0 // self.N)
        rate = self.teacher_lr
        return self._run("teacher", self.teacher_heads, rate, seed, self.T0, eval_every, callbacks)

    def labelled(self, heads: int, seed: int, num_steps: int) -> Run:
        """Return a model of any width trained with labels at the teacher's rate, without checkpoints."""
        if (heads, num_steps) == (self.teacher_heads, self.T0):
            return self.teacher(seed)
        every = self.teacher_eval_every
        return self._run("labelled", heads, self.teacher_lr, seed, num_steps, every, [])

    def student(
        self, method: str, heads: int, rate: float, seed: int, num_steps: int, report: bool = True
    ) -> Run:
        """Return a student taught by a method of `strategies`.

        All students of a seed see the same batches, so their teacher's labels are computed once. Narrow
        ones of length ``student_steps`` are probed at their end.
        """
        teach = self.strategies()[method]
        callbacks: list[dict[str, Any]] = []
        needs: tuple[Run, ...] = ()
        if teach is not None:
            callbacks = [{"class_path": "SwapTeacher", "init_args": {"bank": "{bank}", **teach}}]
            needs = (self.teacher(seed),)
        if report and self.is_main and (heads, num_steps) == (self.heads[0], self.student_steps):
            callbacks += self._probes(num_steps, num_steps)
        # Another seed than the teacher's: other strings, other initial weights.
        seed += 1000
        return self._run("student", heads, rate, seed, num_steps, self.eval_every, callbacks, needs, report)

    @property
    def is_main(self) -> bool:
        """Whether grammar and mask rate are those of the main text."""
        return (self.grammar, self.mask_rate) == ("cfg3b", 0.3)

    @property
    def name(self) -> str:
        """What sets this setting apart from the main one."""
        return self.grammar if self.mask_rate == 0.3 else f"mask rate {self.mask_rate:g}"

    def _probes(self, ngrams_every: int, nonterminals_every: int) -> list[dict[str, Any]]:
        nonterminals = {"every_n_steps": nonterminals_every, "train_strings": self.probe_strings}
        return [
            {
                "class_path": "LogNgrams",
                "init_args": {"every_n_steps": ngrams_every, "include_start": True},
            },
            {"class_path": "LogNonterminals", "init_args": {**nonterminals, "include_start": True}},
        ]

    def _run(
        self,
        kind: str,
        heads: int,
        rate: float,
        seed: int,
        num_steps: int,
        eval_every: int,
        callbacks: list[dict[str, Any]],
        needs: tuple[Run, ...] = (),
        report: bool = True,
    ) -> Run:
        model: dict[str, Any] = {"heads": heads, "lr": rate, "model_seed": seed}
        if self.grammar != "cfg3b":
            roots = list(self.roots) if self.roots else None
            model["max_length"] = load_grammar(self.grammar, roots).max_length
        settings = {
            "model": {"init_args": model},
            "data": {
                "init_args": {
                    "grammar": self.grammar,
                    "mask_rate": self.mask_rate,
                    "num_steps": num_steps,
                    "eval_every": eval_every,
                    "data_seed": seed,
                    # Rates are chosen on val; only reported runs look at test.
                    "eval_streams": ["val", "test"] if report else ["val"],
                }
            },
            "trainer": {"callbacks": callbacks},
        }
        cost = num_steps * self.step_cost[0 if heads == self.teacher_heads else 1]
        return Run(kind, self.configs, settings, needs, cost)


def two_shot(T: int, step: int) -> str:
    """Return the name of two-shot distillation: T student steps under checkpoint ``step`` first."""
    return f"two-shot T={T} from {step}"


_LAPTOP = Pcfg(
    configs=("pcfg_bert",),
    teacher_heads=8,
    heads=(1, 2),
    widths=(1, 2, 4),
    T0=4000,
    N=8,
    spacing=100,
    teacher_eval_every=100,
    eval_every=200,
    teacher_lr=3e-3,
    rates=(1e-2, 5e-3),
    horizons=(600, 1000, 2000),
    variant_horizons=(1000, 2000),
    student_steps=1000,
    candidates=(300, 600, 1200, 2400, 3600),
    T=(400,),
    probe_strings=6400,
    step_cost=(4.0, 1.0),
    roots=(13, 14, 15),
)

SETTINGS: dict[Scale, Pcfg] = {
    "smoke": replace(
        _LAPTOP,
        configs=("pcfg_bert", "smoke/pcfg_bert"),
        teacher_heads=3,
        widths=(1,),
        T0=48,
        N=4,
        spacing=6,
        teacher_eval_every=6,
        eval_every=12,
        rates=(1e-2,),
        horizons=(12, 24),
        variant_horizons=(12, 24),
        student_steps=24,
        candidates=(6, 12),
        T=(6,),
        probe_strings=64,
        seeds=(0,),
        tuning_seeds=(),
    ),
    "laptop": _LAPTOP,
    "paper": Pcfg(
        configs=("pcfg_bert", "paper/pcfg_bert"),
        teacher_heads=32,
        heads=(8, 16),
        widths=(8, 16),
        T0=8000,
        N=8,
        spacing=1000,
        teacher_eval_every=250,
        eval_every=250,
        teacher_lr=5e-3,
        rates=(1e-2, 7.5e-3, 5e-3, 2.5e-3, 1e-3),
        horizons=(2000, 4000, 8000, 16_000),
        variant_horizons=(2000, 4000, 8000, 16_000),
        student_steps=4000,
        candidates=(1000, 2000, 3000, 4000, 5000),
        T=(500, 1000, 2000),
        probe_strings=51_200,
        step_cost=(6.0, 1.0),
        roots=None,
    ),
}
