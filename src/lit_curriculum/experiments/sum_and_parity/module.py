"""Two phases of training as a LightningModule around `theory.sum_and_parity` (implicit, section 2.2)."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from torchmetrics import MetricCollection

from lit_curriculum.errors import bad_value
from lit_curriculum.experiments.sum_and_parity.data import SumAndParityData
from lit_curriculum.models.two_layer import TwoLayerNet
from lit_curriculum.online_sgd import cut
from lit_curriculum.tasks.counter import check_seed
from lit_curriculum.theory.sum_and_parity import (
    TwoLayer,
    biases,
    draw_biases,
    sgd_steps,
    stable_rate,
)
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.base_data import Batch, CurriculumData
from lit_curriculum.training.metrics import ExactMeans
from lit_curriculum.training.soundness import check_weights


class SumAndParityNet(CurriculumModule):
    """One step with rate 1 on all layers, then SGD on u and v alone, from zero, with averaged weights.

    Recorded are ``val/loss``, the expected square loss E (g - y)^2 / 2 of the averaged network, and
    ``val/accuracy``, the share of Parity inputs with the right sign; both exact, over all inputs.
    ``train/loss`` is the loss of the last weights as they are, not averaged.

    Args:
        n: bits; must equal the data's.
        width: hidden units k; Theorem 1 asks for n log(n / delta).
        bias_p: the p in the initial biases, p (-n + 2i + 1); must be above 0. The paper's is the mixture's,
            which is no choice where that is 0.
        lr: rate of the second phase; null takes 0.9 / alpha, alpha being the largest squared length of the
            features after the first step, just below what Theorem 7 allows.
        model_seed: seed of the initial biases.

    Raises:
        UsageError: naming the argument that is wrong.
    """

    # A teacher's class probabilities are no answer to Sum.
    teachable = False
    # Weights and inputs are float64 whatever a trainer says of float32.
    precisions = ("32-true", "64-true")

    def __init__(
        self, n: int, width: int, bias_p: float = 0.3, lr: float | None = None, model_seed: int = 0
    ) -> None:
        if n % 2 or not 2 <= n <= 16:
            raise bad_value("model.n", n, "an even integer from 2 to 16")
        if width < 1:
            raise bad_value("model.width", width, "an integer of at least 1")
        if not 0 < bias_p <= 1:
            raise bad_value("model.bias_p", bias_p, "above 0, at most 1")
        if lr is not None and not 0 < lr < float("inf"):
            raise bad_value("model.lr", lr, "a finite number > 0, or null")
        check_seed("model.model_seed", model_seed)
        units = draw_biases(n, width, np.random.default_rng(model_seed))
        drawn = np.repeat(biases(n, bias_p), units).tolist()
        super().__init__({"name": "two_layer", "init_args": {"d": n + 1, "biases": drawn}}, model_seed)
        self.automatic_optimization = False
        self.lr = lr
        self.n = n

    def configure_optimizers(self) -> None:
        """No torch optimizer: the steps are the theory's own."""
        return

    def check_data(self, data: CurriculumData) -> None:
        """Check that the data are the theory's, of as many bits.

        Raises:
            UsageError: if they are not.
        """
        if not isinstance(data, SumAndParityData):
            raise bad_value("data", type(data).__name__, "SumAndParityData with SumAndParityNet")
        if self.n != data.population.n:
            raise bad_value("model.n", self.n, f"the data's n = {data.population.n}")

    @torch.no_grad()
    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Make the batch's updates, pausing wherever a listener is due."""
        self.check_position(batch)
        origin, end = self.step, int(batch["last_step"])
        rows = batch["inputs"].view(end - origin, -1).numpy(force=True)
        if origin == 0:
            self._first_step()
            self.advance_to(1)
        events = [listener.next_event for listener in self.listeners]
        for start, stop in cut(self.step, end, end, events):
            self._second_phase(rows[start - origin : stop - origin], start)
            self.advance_to(stop)
        population = cast(SumAndParityData, self.data).population
        x, y, probability = (
            _as(v, self._net.W) for v in (population.x, population.y, population.probability)
        )
        latest = self._net.features(x) @ torch.cat([self._net.u, self._net.v])
        self.add_loss((probability * (latest - y) ** 2).sum() / 2, 1)

    @property
    def _net(self) -> TwoLayerNet:
        return cast(TwoLayerNet, self.model)

    def _first_step(self) -> None:
        data, net = cast(SumAndParityData, self.data), self._net
        W, u, v, b = (parameter.numpy(force=True) for parameter in (net.W, net.u, net.v, net.b))
        before = TwoLayer(W, u, v, b)
        weight = data.first_counts() / data.first_batch
        after = before.step(before.gradients(data.population.x, data.population.y, weight), 1.0)
        net.W.copy_(_as(after.W, net.W))
        net.b.copy_(_as(after.b, net.b))
        # "Different weight-decay for different layers" (section 2.2): the second phase starts from zero.
        net.u.zero_()
        net.v.zero_()

    def _second_phase(self, rows: Any, step: int) -> None:
        """Make the updates after ``step``, one a row of table rows (T, batch)."""
        net, population = self._net, cast(SumAndParityData, self.data).population
        features = net.features(_as(population.x, net.W)).numpy(force=True)
        rate = stable_rate(features) if self.lr is None else self.lr
        weights, total = (
            torch.cat(pair).numpy(force=True) for pair in ((net.u, net.v), (net.u_sum, net.v_sum))
        )
        before = weights.copy(), total.copy()
        rows = np.ascontiguousarray(rows)
        sgd_steps(features, population.y, rows, rate, weights, total)
        made = len(rows)
        if not (np.isfinite(weights).all() and np.isfinite(total).all()):
            # Again, one by one, up to the update that breaks them.
            weights, total = before
            for made in range(1, len(rows) + 1):
                sgd_steps(features, population.y, rows[made - 1 : made], rate, weights, total)
                if not (np.isfinite(weights).all() and np.isfinite(total).all()):
                    break
        second: tuple[torch.Tensor, ...] = (net.u, net.v, net.u_sum, net.v_sum)
        for target, values in zip(second, (*np.split(weights, 2), *np.split(total, 2)), strict=True):
            target.copy_(_as(values, target))
        net.n_summed += made
        if made < len(rows) or not np.isfinite(total).all():
            check_weights(self, step + made)

    def logits_and_labels(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the Parity inputs' logits (M, 2) and labels (M,): -g and g, an odd number of -1 first."""
        asked = batch["inputs"][:, 0] < 0
        out = self(batch["inputs"][asked])
        return torch.stack([-out, out], dim=-1), (batch["labels"][asked] > 0).long()

    def configure_metrics(self) -> MetricCollection:
        """See `CurriculumModule.configure_metrics`."""
        return MetricCollection({"expectations": Expectations()}, compute_groups=False)

    def update_metrics(self, metrics: MetricCollection, batch: Batch) -> None:
        """See `CurriculumModule.update_metrics`."""
        asked = (batch["inputs"][:, 0] < 0).double()
        metrics.update(self(batch["inputs"]), batch["labels"], batch["probability"], asked)


class Expectations(ExactMeans):
    """``loss``, E (g - y)^2 / 2, and ``accuracy``, the agreement in sign on Parity's inputs."""

    def update(
        self, out: torch.Tensor, y: torch.Tensor, probability: torch.Tensor, asked: torch.Tensor
    ) -> None:
        """Add inputs (n,) with their probabilities, and which of them are Parity's."""
        # An answer of 0 is half right, as in `theory.sum_and_parity.parity_accuracy`.
        agreement = (1 + out.sign() * y.sign()) / 2
        self.add({"loss": ((out - y) ** 2 / 2, probability), "accuracy": (agreement, asked)})


def _as(values: Any, like: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(values, dtype=like.dtype, device=like.device)
