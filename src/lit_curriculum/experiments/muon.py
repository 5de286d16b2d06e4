"""Muon for the matrices of hidden layers and AdamW for everything else, as one optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch


class MuonAdamW(torch.optim.Optimizer):
    """torch's Muon and torch's AdamW behind one ``step``, one state and one list of parameter groups.

    Muon takes the momentum of a matrix's gradient and makes all its singular values one, so that directions
    with a weak gradient move as far as those with a strong one. Its updates are scaled to the size that
    AdamW's have where gradients are little but signal (``match_rms_adamw``). The gradients of embeddings,
    biases and norms are mostly noise, so AdamW follows at a fixed share of the rate: one rate is searched.

    torch's iteration rounds to bfloat16, so two numbers of devices, which sum a batch in another order, agree
    to that and not to float32's rounding. Resuming is exact.

    Lightning's automatic optimization and a schedule of the rate know a single optimizer; hence this class.

    Args:
        matrices: two-dimensional weights of hidden layers; not embeddings, not the classifier.
        others: all other parameters.
        lr: Muon's rate.
        betas: AdamW's.
        weight_decay: decoupled, of both, each times its own rate.
        momentum: Muon's.
        adamw_share: AdamW's rate as a share of ``lr``.
    """

    def __init__(
        self,
        matrices: Iterable[torch.nn.Parameter],
        others: Iterable[torch.nn.Parameter],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        adamw_share: float = 0.2,
    ) -> None:
        muon = torch.optim.Muon(
            matrices, lr=lr, weight_decay=weight_decay, momentum=momentum, adjust_lr_fn="match_rms_adamw"
        )
        adamw = torch.optim.AdamW(
            others, lr=adamw_share * lr, betas=betas, weight_decay=weight_decay, fused=True
        )
        self._parts: tuple[torch.optim.Optimizer, ...] = (muon, adamw)
        super().__init__([*muon.param_groups, *adamw.param_groups], {})
        self._share()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over a loaded state, and hand it to both."""
        super().__setstate__(state)
        self._share()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make one update; return what the closure returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self._parts:
            part.step()
        return loss

    def _share(self) -> None:
        """Give both parts this optimizer's groups, whose rates a schedule sets, and its state."""
        for part, group in zip(self._parts, self.param_groups, strict=True):
            part.param_groups = [group]
            part.state = self.state
