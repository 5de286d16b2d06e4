"""Errors of a model that reads its own labels beside one that reads the true ones (Lemma 1 of subtask)."""

from __future__ import annotations

import torch
from torch.nn import functional
from torchmetrics import Metric


class DecodingErrors(Metric):
    """Errors of a model that reads the true labels (forced) and of one that reads its own (decoded).

    Args:
        n_answers: how many of the labels, the last ones, are the answer; it is right if all of them are.

    Shapes: logits (n, n_labels, V) of either kind, labels (n, n_labels).
    """

    full_state_update = False
    sums: torch.Tensor
    total: torch.Tensor

    def __init__(self, n_answers: int) -> None:
        super().__init__()
        self.n_answers = n_answers
        self.add_state("sums", torch.zeros(5, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("total", torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")

    def update(
        self, forced: torch.Tensor, decoded: torch.Tensor, labels: torch.Tensor, tolerance: float
    ) -> None:
        """Count a batch; a forced prediction counts as close where rounding may turn it."""
        wrong = forced.argmax(-1) != labels
        top = forced.topk(2, dim=-1).values
        close = (top[..., 0] - top[..., 1]) < tolerance
        answer_wrong = (decoded.argmax(-1) != labels)[:, -self.n_answers :].any(-1)
        losses = functional.cross_entropy(forced.flatten(0, 1), labels.flatten(), reduction="none")
        counted = (
            answer_wrong,
            wrong[:, -self.n_answers :].any(-1),
            wrong,
            wrong | close,
            losses / labels.shape[1],
        )
        self.sums += torch.stack([values.sum(dtype=torch.float64) for values in counted])
        self.total += len(labels)

    def compute(self) -> dict[str, float]:
        """Return the metrics of everything counted.

        Raises:
            RuntimeError: if the decoded error is above the sum of the forced ones, which Lemma 1 (equation
                5) excludes for any model: decoding does not read what was trained. A close prediction
                counts as an error there, since the two ways of computing it may differ in rounding.
        """
        decoded, forced, all_forced, bound, loss = (self.sums / self.total).tolist()
        if decoded > bound + 1e-9:
            raise RuntimeError(f"decoded error {decoded:.6g} above the sum of forced errors {bound:.6g}")
        return {
            "loss": loss,
            "accuracy": 1 - decoded,
            "forced_accuracy": 1 - forced,
            "forced_errors": all_forced,
        }
