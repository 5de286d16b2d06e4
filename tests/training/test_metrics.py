"""Held-out means against exact fractions: no order, share, size or precision changes them."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction
from typing import Any

import pytest
import torch
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassF1Score

from lit_curriculum.tasks.counter import Stream
from lit_curriculum.training.base_data import Batch, CurriculumData, EvalStream, _HeldOut
from lit_curriculum.training.metrics import Classification, ExactMeans, Measures, computed


class Given(ExactMeans):
    def update(self, measures: Measures) -> None:
        self.add(measures)


def collection() -> MetricCollection:
    return MetricCollection({"given": Given()}, compute_groups=False)


def means_of(shares: list[list[Measures]]) -> dict[str, float]:
    """Return what the first of several processes finds, each with some batches."""
    everywhere: list[Any] = []
    for batches in shares:
        metrics = collection()
        for batch in batches:
            metrics.update(batch)
        # As a gather would: everybody's own part, in the order of ranks.
        computed(metrics, lambda mine: everywhere.append(mine) or [mine])  # type: ignore[func-returns-value]
    return computed(collection(), lambda mine: everywhere)


def numbers(n: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    # Many sizes and both signs: sums of these depend on their order in any precision.
    scale = torch.pow(10.0, torch.randint(-8, 8, (n,), generator=generator).double())
    return (torch.randn(n, generator=generator).double() * scale).to(dtype)


def test_the_mean_is_the_same_bits_for_every_order_and_share_of_the_batches() -> None:
    batches: list[Measures] = [{"x": part} for part in numbers(900).split(7)]
    whole = means_of([batches])
    assert whole["x"] == pytest.approx(numbers(900).double().mean().item(), rel=1e-12)
    for world in (2, 3, 5, 200):
        assert means_of([batches[rank::world] for rank in range(world)]) == whole
    for seed in range(20):
        assert means_of([random.Random(seed).sample(batches, len(batches))]) == whole


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_the_mean_is_exact_in_every_precision_of_the_values(dtype: torch.dtype) -> None:
    """100,000 thirds: added in float32 they drift in the fourth digit, in bfloat16 they stop at 256 or so."""
    third = torch.full((50,), 1 / 3, dtype=dtype)
    found = means_of([[{"x": third}] * 2000])["x"]
    assert found == pytest.approx(float(third[0]), rel=1e-15)


def test_counts_are_exact_fractions() -> None:
    right = torch.rand(1001, generator=torch.Generator().manual_seed(3)) < 0.3
    found = means_of([[{"right": part} for part in right.split(64)]])["right"]
    assert found == float(Fraction(int(right.sum()), 1001))


def test_weights_are_those_of_the_samples() -> None:
    values, weights = numbers(60, 1, torch.float64).abs(), torch.rand(60, dtype=torch.float64)
    parts = zip(values.split(11), weights.split(11), strict=True)
    found = means_of([[{"x": pair} for pair in parts]])["x"]
    exact = sum(Fraction(v) * Fraction(w) for v, w in zip(values.tolist(), weights.tolist(), strict=True))
    assert found == pytest.approx(float(exact / sum(map(Fraction, weights.tolist()))), rel=1e-14)


def test_what_has_no_observation_is_left_out() -> None:
    nothing, something = torch.zeros(0), torch.ones(2)
    batches: list[Measures] = [{"a": nothing, "b": nothing}, {"a": something, "b": nothing}]
    assert means_of([batches]) == {"a": 1.0}
    assert means_of([[{"a": (something, torch.zeros(2))}]]) == {}
    assert means_of([[], []]) == {}


def test_a_second_evaluation_begins_anew() -> None:
    metrics = collection()
    for value in (1.0, 3.0):
        metrics.update({"x": torch.tensor([value])})
        assert computed(metrics, lambda mine: [mine]) == {"x": value}


def test_metrics_of_torchmetrics_go_along() -> None:
    both = MetricCollection(
        {"labels": Classification(), "f1": MulticlassF1Score(num_classes=3)}, compute_groups=False
    ).clone(prefix="val/")
    logits, labels = torch.eye(3)[[0, 1, 1, 2]], torch.tensor([0, 1, 2, 2])
    for part in (slice(0, 1), slice(1, 4)):
        both.update(logits[part], labels[part])
    found = computed(both, lambda mine: [mine])
    assert found["val/accuracy"] == 3 / 4
    assert found["val/f1"] == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)
    assert found["val/loss"] == pytest.approx(float(torch.nn.functional.cross_entropy(logits, labels)))


@pytest.mark.parametrize("pair", [*itertools.product([math.inf, -math.inf, math.nan, 1.0], repeat=2)])
def test_what_is_not_finite_stays_so(pair: tuple[float, float]) -> None:
    found = means_of([[{"x": torch.tensor([value])} for value in pair]])["x"]
    assert math.isfinite(found) == all(map(math.isfinite, pair))


class Numbers(CurriculumData):
    """Sample i is the number i."""

    def draw(self, stream: Stream, start: int, count: int) -> Batch:
        return {"inputs": torch.arange(start, start + count), "labels": torch.zeros(count)}

    def describe_task(self) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize("samples", [1, 5, 6, 13])
@pytest.mark.parametrize("world", [1, 2, 3, 8])
def test_devices_take_whole_batches_of_one_grid_in_turns(world: int, samples: int) -> None:
    data = Numbers(num_steps=1, eval_every=1, eval_samples=samples, eval_batch_size=3)
    stream: EvalStream = "val"
    shares = [_HeldOut(data, stream, rank, world) for rank in range(world)]
    assert len({len(share) for share in shares}) == 1  # who has fewer would not be there when others wait
    taken = [share[i] for i in range(len(shares[0])) for share in shares]
    given = [batch["inputs"].tolist() for batch in taken if batch]
    assert given == [list(range(i, min(i + 3, samples))) for i in range(0, samples, 3)]
    assert not any(taken[len(given) :])
