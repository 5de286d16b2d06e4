"""Errors of a model that reads its own labels beside one that reads the true ones (Lemma 1 of subtask)."""

from __future__ import annotations

import torch
from torch.nn import functional

from lit_curriculum.distillation.targets import at_least_single
from lit_curriculum.training.metrics import ExactMeans


class DecodingErrors(ExactMeans):
    """``accuracy`` of decoded answers, ``forced_accuracy``, ``forced_errors`` and the forced ``loss``.

    Args:
        n_answers: how many of the labels, the last ones, are the answer; it is right if all of them are.
    """

    def __init__(self, n_answers: int) -> None:
        super().__init__()
        self.n_answers = n_answers

    def update(
        self, forced: torch.Tensor, decoded: torch.Tensor, labels: torch.Tensor, tolerance: float
    ) -> None:
        """Add strings of a model that reads the true labels (forced) and its own (decoded).

        Args:
            forced: logits (n, n_labels, V).
            decoded: logits (n, n_labels, V).
            labels: (n, n_labels).
            tolerance: a forced prediction whose two best logits are nearer than this may be turned by
                rounding.
        """
        forced = at_least_single(forced)
        wrong = forced.argmax(-1) != labels
        top = forced.topk(2, dim=-1).values
        close = (top[..., 0] - top[..., 1]) < tolerance
        losses = functional.cross_entropy(forced.flatten(0, 1), labels.flatten(), reduction="none")
        self.add(
            {
                "loss": losses.view(labels.shape).double().mean(1),
                "decoded_error": (decoded.argmax(-1) != labels)[:, -self.n_answers :].any(-1),
                "forced_error": wrong[:, -self.n_answers :].any(-1),
                "forced_errors": wrong.sum(1),
                "bound": (wrong | close).sum(1),
            }
        )

    def compute(self) -> dict[str, float]:
        """Return the metrics.

        Raises:
            RuntimeError: if the decoded error is above the sum of the forced ones, which Lemma 1 (equation 5)
                excludes for any model: decoding does not read what was trained. A close prediction counts as
                an error there, since the two ways of computing it may differ in rounding.
        """
        means = super().compute()
        if not means:
            return {}
        decoded, bound = means["decoded_error"], means["bound"]
        if decoded > bound + 1e-9:
            raise RuntimeError(f"decoded error {decoded:.6g} above the sum of forced errors {bound:.6g}")
        return {
            "loss": means["loss"],
            "accuracy": 1 - decoded,
            "forced_accuracy": 1 - means["forced_error"],
            "forced_errors": means["forced_errors"],
        }
