"""Settings, measurements and fits of the target of Theorem B.1 (progressive, appendix B)."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lit_curriculum.reproduce.results import PerSeed, Results, Row
from lit_curriculum.reproduce.study import Scale
from lit_curriculum.theory import two_stage
from lit_curriculum.theory.two_stage import Array, Network

TWO, ONE, LABELS = "two checkpoints", "one-shot", "labels"
ARMS = (TWO, ONE, LABELS)
"""The last checkpoint's answers are clipped to [-1, 1]: of the bare logits Corollary B.8 does not hold."""
FIRST = {TWO: "first stage, two checkpoints", LABELS: "first stage, labels"}
"""Arms of their own: they measure another thing."""
SUPPORT = "support"
_CHUNK = 2048
_TEACHER, _STUDENT, _INITIAL, _TEST = 1, 2, 3, 4


@dataclass(frozen=True)
class Sizes:
    """What a scale sets; symbols as in the paper.

    Attributes:
        k: size of the support.
        d: bits, odd.
        m: hidden units of a student.
        teacher_m: of the teacher, whose units all point the same way or the opposite.
        rate: eta_2 as a multiple of Lemma B.7's; found on other streams than those reported.
        T: second-stage samples of the teacher.
        fewest, most: samples of a student's two stages together, the first and the last that are tried.
        level: accuracy that counts as learned.
        test: strings that measure it.
        seeds: of everything that is drawn.
    """

    k: int
    d: tuple[int, ...]
    m: int
    teacher_m: int
    rate: float
    T: int
    fewest: int
    most: int
    level: float
    test: int
    seeds: tuple[int, ...]


SETTINGS: dict[Scale, Sizes] = {
    "smoke": Sizes(2, (7, 9), 16, 16, 64.0, 500, 64, 1024, 0.8, 200, (0,)),
    "laptop": Sizes(
        k=4,
        d=(13, 15, 17, 19, 23),
        m=256,
        teacher_m=512,
        rate=64.0,
        T=400_000,
        fewest=500,
        most=2**13 * 500,
        level=0.95,
        test=4096,
        seeds=(0, 1, 2, 3, 4),
    ),
    "paper": Sizes(
        k=4,
        d=(13, 17, 21, 27, 35),
        m=512,
        teacher_m=512,
        rate=64.0,
        T=1_000_000,
        fewest=500,
        most=2**18 * 500,
        level=0.99,
        test=4096,
        seeds=tuple(range(10)),
    ),
}


@dataclass(frozen=True)
class Teacher:
    """Two checkpoints: after the first stage and after the second.

    Attributes:
        first, last: the networks.
        signal: mean correlation of the first with the bits of the support.
    """

    first: Network
    last: Network
    signal: float


def learning_rows(setting: Sizes, seed: int) -> Iterator[Row]:
    """Yield the accuracy of every arm after 1, 2, 4 .. times the fewest samples, until it is learned."""
    for d in setting.d:
        teacher = trained_teacher(setting, d, seed)
        for arm in ARMS:
            samples, accuracy = setting.fewest, 0.0
            while accuracy < setting.level and samples <= setting.most:
                accuracy = student_accuracy(setting, d, seed, arm, teacher, samples)
                yield _row(arm, seed, samples, "accuracy", accuracy, d)
                samples *= 2


def trained_teacher(setting: Sizes, d: int, seed: int) -> Teacher:
    """Return a teacher for which Corollary B.6's conditions hold: units aligned as Lemma B.5's proof assumes.

    Its first stage is that of the population. Its samples are not counted.
    """
    k, generator = setting.k, _generator(seed, d, 0, _TEACHER)
    initial = two_stage.initialise(d, k, setting.teacher_m, generator, aligned=True)
    first = replace(initial, w=two_stage.expected_weights(initial, k))
    last = second_stage(first, setting, lambda x: two_stage.labels(x, k), setting.T, generator)
    x = two_stage.draw(d, 100_000, generator)
    signal = float(np.abs(first(x) @ x[:, :k] / len(x)).mean())
    return Teacher(first, last, signal)


def student_accuracy(setting: Sizes, d: int, seed: int, arm: str, teacher: Teacher, samples: int) -> float:
    """Return a student's accuracy after half of the samples in each stage."""
    k, signal = setting.k, teacher.signal if arm == TWO else None
    early, late = _answers(arm, teacher, k)
    network = two_stage.initialise(d, k, setting.m, _generator(seed, d, 0, _INITIAL))
    generator = _generator(seed, d, samples, _STUDENT)
    gradient = np.zeros_like(network.w)
    for x in _batches(d, samples // 2, generator):
        gradient += len(x) / (samples // 2) * two_stage.batch_gradient(network, x, early(x))
    network = two_stage.first_stage(network, gradient, two_stage.first_rate(d, k, setting.m, signal))
    network = second_stage(network, setting, late, samples - samples // 2, generator)
    x = two_stage.draw(d, setting.test, _generator(seed, d, 0, _TEST))
    return float((np.sign(network(x)) == two_stage.labels(x, k)).mean())


def second_stage(
    network: Network, setting: Sizes, answers: Callable[[Array], Array], steps: int, generator: Any
) -> Network:
    """Return the network after SGD on a."""
    d, m = network.w.shape[1], len(network.a)
    rate = np.float32(setting.rate * two_stage.second_rate(d, setting.k, m, steps))
    a = network.a.astype(np.float32)
    for x in _batches(d, steps, generator):
        two_stage.hinge_steps(network.features(x), answers(x).astype(np.float32), a, rate)
    return replace(network, a=a.astype(np.float64))


def first_stage_rows(setting: Sizes, seed: int) -> Iterator[Row]:
    """Yield the samples after which every unit's weights in the support are larger than all others.

    That is what the first stage is for, and what Lemma B.2 promises of it. Batches grow by half octaves.
    """
    k = setting.k
    for d in setting.d:
        drawn = two_stage.initialise(d, k, setting.teacher_m, _generator(seed, d, 0, _TEACHER), aligned=True)
        first = replace(drawn, w=two_stage.expected_weights(drawn, k))
        network = two_stage.initialise(d, k, setting.m, _generator(seed, d, 0, _INITIAL))
        for arm, answers in ((TWO, first), (LABELS, lambda x: two_stage.labels(x, k))):
            generator = _generator(seed, d, 0, _STUDENT)
            found = _samples_for_support(network, k, answers, setting.most, generator)
            yield _row(FIRST[arm], seed, 0, SUPPORT, found, d)


def _samples_for_support(
    network: Network, k: int, answers: Callable[[Array], Array], most: int, generator: Any
) -> float:
    total, seen, wanted = np.zeros_like(network.w), 0, 16.0
    while seen < most:
        count = min(_CHUNK, math.ceil(wanted) - seen)
        x = two_stage.draw(network.w.shape[1], count, generator)
        total += count * two_stage.batch_gradient(network, x, answers(x))
        seen += count
        if seen >= wanted:
            size = np.abs(total)
            if (size[:, :k].min(axis=1) > size[:, k:].max(axis=1)).all():
                return seen
            wanted *= math.sqrt(2)
    return float(most)


def _answers(arm: str, teacher: Teacher, k: int) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """Return what a student of an arm is taught in the first stage and in the second."""

    def clipped(x: Array) -> Array:
        return np.clip(teacher.last(x), -1, 1)

    if arm == LABELS:
        return (lambda x: two_stage.labels(x, k)), (lambda x: two_stage.labels(x, k))
    return (teacher.first if arm == TWO else clipped), clipped


def _batches(d: int, count: int, generator: Any) -> Iterator[Array]:
    for start in range(0, count, _CHUNK):
        yield two_stage.draw(d, min(_CHUNK, count - start), generator)


def _generator(seed: int, d: int, samples: int, purpose: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, d, samples, purpose]))


def _row(arm: str, seed: int, step: int, metric: str, value: float, d: int) -> Row:
    return {"arm": arm, "seed": seed, "step": step, "metric": metric, "value": value, "d": d}


# --- from the results alone -------------------------------------------------------------------------------


def needed(results: Results, setting: Sizes, arm: str, d: int) -> PerSeed:
    """Return each seed's samples to the level, between two sizes linear in their logarithm; inf if never."""

    def crossing(curve: Sequence[tuple[float, float]]) -> float:
        (last, high), before = curve[-1], curve[-2:-1]
        if high < setting.level:
            return math.inf
        if not before:
            return last
        share = (setting.level - before[0][1]) / (high - before[0][1])
        return float(before[0][0] * (last / before[0][0]) ** share)

    curves = results.where(d=d).history(arm, "accuracy")
    return PerSeed({seed: crossing(curve) for seed, curve in curves.items()})


def support_samples(results: Results, arm: str, d: int) -> PerSeed:
    """Return each seed's samples after which the first stage has found the support."""
    return results.where(d=d).final(FIRST[arm], SUPPORT)


def exponent(sizes: Sequence[int], found: Sequence[PerSeed]) -> PerSeed:
    """Return each seed's least-squares slope of log samples against log d; nan where one is not finite."""

    def slope(seed: int) -> float:
        samples = [of[seed] for of in found]
        if not all(map(math.isfinite, samples)):
            return math.nan
        return float(np.polyfit(np.log(sizes), np.log(samples), 1)[0])

    return PerSeed({seed: slope(seed) for seed in found[0]})


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the two-sided 95 % interval of a mean by Student's t; infinite for one value."""
    from scipy import stats

    if len(values) < 2:
        return -math.inf, math.inf
    reach = float(stats.t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))
    return statistics.fmean(values) - reach, statistics.fmean(values) + reach
