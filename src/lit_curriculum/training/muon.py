"""Muon for the matrices of hidden layers and AdamW for everything else, as one optimizer."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch

from lit_curriculum.errors import UsageError, bad_value


class BatchedMuon(torch.optim.Muon):
    """torch's Muon, with its iteration in float32 and for all matrices of one shape at once.

    torch's own rounds to bfloat16 and takes one matrix after the other, which is made for large matrices on a
    GPU. On a processor, and for matrices of a few dozen rows, it takes four to five times as long
    (``benchmarks/muon_step.py``). The update is Nesterov's and scaled to the size of AdamW's
    (``match_rms_adamw``); torch's other kinds cannot be asked for.

    Args:
        params: matrices.
        lr: rate.
        weight_decay: decoupled.
        momentum: share of the old mean of gradients in the new one.
    """

    def __init__(
        self,
        params: Iterable[torch.nn.Parameter],
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
    ) -> None:
        super().__init__(params, lr, weight_decay, momentum, nesterov=True, adjust_lr_fn="match_rms_adamw")

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make one update; return what the closure returns."""
        loss = _called(closure)
        for group in self.param_groups:
            alike = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    alike[parameter.shape].append(parameter)
            for parameters in alike.values():
                self._update(parameters, group)
        return loss

    def _update(self, parameters: list[torch.nn.Parameter], group: dict[str, Any]) -> None:
        """Update matrices of one shape."""
        gradients = torch.stack([p.grad for p in parameters if p.grad is not None])
        for parameter, gradient in zip(parameters, gradients, strict=True):
            state = self.state[parameter]
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = torch.zeros_like(parameter)
            state["momentum_buffer"].lerp_(gradient, 1 - group["momentum"])
        means = torch.stack([self.state[parameter]["momentum_buffer"] for parameter in parameters])
        ahead = gradients.lerp(means, group["momentum"])  # Nesterov's
        directions = orthogonalize(ahead, group["ns_coefficients"], group["ns_steps"])
        rate = 0.2 * math.sqrt(max(directions.shape[1:])) * group["lr"]
        for parameter, direction in zip(parameters, directions, strict=True):
            parameter.mul_(1 - group["lr"] * group["weight_decay"]).sub_(direction, alpha=rate)


def orthogonalize(
    matrices: torch.Tensor, coefficients: tuple[float, float, float], n_steps: int
) -> torch.Tensor:
    """Return each matrix with all its singular values brought near one (Newton and Schulz's iteration).

    Args:
        matrices: (m, rows, columns).
        coefficients: a, b, c of the odd polynomial a s + b s^3 + c s^5 that each singular value s goes
            through; Jordan et al. (2024) chose torch's to rise steeply at 0 and to stay near 1, not to end
            there: from .7 to 1.2.
        n_steps: times that it does.
    """
    a, b, c = coefficients
    rows, columns = matrices.shape[1:]
    # The smaller Gram matrix; and no singular value above 1.
    x = matrices.mT if rows > columns else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(n_steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if rows > columns else x


def _called(closure: Callable[[], Any] | None) -> Any:
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()


class MuonAdamW(torch.optim.Optimizer):
    """Muon and torch's AdamW behind one ``step``, one state and one list of parameter groups.

    Muon takes the momentum of a matrix's gradient and makes all its singular values one, so that directions
    with a weak gradient move as far as those with a strong one. Its updates are scaled to the size that
    AdamW's have where gradients are little but signal (``match_rms_adamw``). The gradients of embeddings,
    biases and norms are mostly noise, so AdamW follows at a fixed share of the learning rate: one rate is
    searched.

    Lightning's automatic optimization and a schedule of the learning rate know a single optimizer; hence this
    class.

    Args:
        params: named parameters. Muon's are the matrices inside of numbered layers, ``encoder.layer.0.`` or
            ``h.0.``: neither embeddings nor a classifier.
        lr: Muon's rate.
        betas: AdamW's.
        weight_decay: decoupled, of both, each times its own rate.
        momentum: Muon's.
        adamw_share: AdamW's rate as a share of ``lr``.

    Raises:
        UsageError: for a model without such matrices, a momentum or a share out of range.
    """

    def __init__(
        self,
        params: Iterable[tuple[str, torch.nn.Parameter]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        adamw_share: float = 0.2,
    ) -> None:
        if not 0 <= momentum < 1:
            raise bad_value("model.optimizer.momentum", momentum, "0 <= momentum < 1")
        if not 0 < adamw_share < math.inf:
            raise bad_value("model.optimizer.adamw_share", adamw_share, "a finite number > 0")
        matrices, others = hidden_matrices(params)
        if not matrices:
            raise UsageError("model.optimizer: got MuonAdamW; allowed: with a model that has numbered layers")
        muon = BatchedMuon(matrices, lr=lr, weight_decay=weight_decay, momentum=momentum)
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
        loss = _called(closure)
        for part in self._parts:
            part.step()
        return loss

    def _share(self) -> None:
        """Give both parts this optimizer's groups, whose rates a schedule sets, and its state."""
        for part, group in zip(self._parts, self.param_groups, strict=True):
            part.param_groups = [group]
            part.state = self.state


def hidden_matrices(
    params: Iterable[tuple[str, torch.nn.Parameter]],
) -> tuple[list[torch.nn.Parameter], list[torch.nn.Parameter]]:
    """Return a model's matrices inside of numbered layers, and all its other parameters."""
    found: tuple[list[torch.nn.Parameter], list[torch.nn.Parameter]] = ([], [])
    for name, parameter in params:
        hidden = parameter.ndim == 2 and any(part.isdigit() for part in name.split("."))
        found[not hidden].append(parameter)
    return found
