"""The blocked algorithm for a GPU: products by torch, a step by one Triton launch, all in one CUDA graph.

As in `blocked`, the first layer is not touched within a block of B samples. Before it torch takes W x of all
its samples and their Gram matrix; after it torch makes one update of W of rank B. In between each step is
one launch over all hidden units (`triton_kernel.step`): a step's logits are sums over the units, and the end
of a launch is what lets all units see them. Within sub-blocks a step corrects its own pre-activations by the
steps before it; between sub-blocks a product corrects all rows that follow.

Launching from Python would take longer than a step, so the launches and products of a block are captured in
a CUDA graph once, and replayed. What is left over at the end is filled up with steps of rate 0, which change
nothing. Under Triton's interpreter, on a processor, the same launches follow each other without a graph.

Several students of one shape are a second axis of the launches. Their products are separate, so that each
has the bits that it would have alone.

Import this module only where triton is installed; `backends` does so when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
import triton

from lit_curriculum.errors import bad_value
from lit_curriculum.models.mlp import MLP
from lit_curriculum.online_sgd.triton_kernel import step


@dataclass(frozen=True)
class Tiling:
    """How the work is cut; results differ in their last bits.

    Attributes:
        block: samples between two updates of W, a multiple of ``sub_block``.
        sub_block: samples between two products that correct what follows; a power of two.
        chunk: hidden units of a program; a power of two.
        warps: of a program.
    """

    block: int = 128
    sub_block: int = 32
    chunk: int = 512
    warps: int = 8


TILING = Tiling()
# The latest block of each network, which its next call finds again; given up with the network.
_blocks: WeakKeyDictionary[MLP, _Block] = WeakKeyDictionary()


def train(
    model: MLP,
    x: torch.Tensor,
    targets: torch.Tensor,
    rates: torch.Tensor,
    loss_scale: float,
    loss: str = "cross_entropy",
) -> torch.Tensor:
    """Take one SGD step a row, in place; see `backends.train_samples` for the contract."""
    return train_many([model], x, [targets], [rates], loss_scale, loss)[0]


def train_many(
    models: Sequence[MLP],
    x: torch.Tensor,
    targets: Sequence[torch.Tensor],
    rates: Sequence[torch.Tensor],
    loss_scale: float,
    loss: str = "cross_entropy",
) -> torch.Tensor:
    """Take one SGD step a row for each of S networks of one shape; see `population.train_population`.

    Returns:
        The loss before each step (S, n).

    Raises:
        UsageError: for networks of different shapes, naming the first student that differs.
    """
    shapes = [(model.hidden.out_features, model.output.out_features) for model in models]
    for student, shape in enumerate(shapes):
        if shape != shapes[0]:
            allowed = f"{shapes[0]}, student 0's, on a GPU"
            raise bad_value(f"(width, n_classes) of student {student}", shape, allowed)
    block = _blocks.get(models[0])
    if block is None or not block.serves(models, loss):
        block = _Block(models, loss, TILING)
        _blocks[models[0]] = block
    losses = torch.empty(len(models), len(x), dtype=x.dtype, device=x.device)
    block.take_weights()
    for start in range(0, len(x), block.tiling.block):
        rows = slice(start, start + block.tiling.block)
        block.fill(x[rows], [t[rows] for t in targets], [rate[rows] for rate in rates], loss_scale)
        block.run()
        losses[:, rows] = block.losses[:, : len(x[rows])]
    block.give_weights()
    return losses


class _Block:
    """Buffers of one block of samples for S students, and the graph that works on them.

    First layers are updated where they lie; second layers, which are small, have a copy here so that one
    launch reaches those of all students.
    """

    def __init__(self, models: Sequence[MLP], loss: str, tiling: Tiling) -> None:
        self.loss, self.tiling = loss, tiling
        self.first = [(model.hidden.weight.detach(), model.hidden.bias.detach()) for model in models]
        self.second = [(model.output.weight.detach(), model.output.bias.detach()) for model in models]
        W, _ = self.first[0]
        (m, d), n_classes, students, size = W.shape, len(self.second[0][1]), len(models), tiling.block
        self.m, self.n_classes, self.programs = m, n_classes, triton.cdiv(m, tiling.chunk)

        def zeros(*shape: int) -> torch.Tensor:
            return torch.zeros(*shape, dtype=W.dtype, device=W.device)

        self.x, self.gram, self.ones = zeros(size, d), zeros(size, size), zeros(size) + 1
        self.targets, self.rates = zeros(students, size, n_classes), zeros(students, size)
        self.losses, self.biases = zeros(students, size), zeros(students, size + 1, n_classes)
        self.U, self.partial = zeros(students, n_classes, m), zeros(students, 2, n_classes, self.programs)
        self.H, self.steps = zeros(students, size, m), zeros(students, size, m)
        self.graph = self._captured() if W.is_cuda else None

    def serves(self, models: Sequence[MLP], loss: str) -> bool:
        """Tell whether this block was made for the weights of these networks, where they lie now."""
        ours = [tensor.data_ptr() for pair in (*self.first, *self.second) for tensor in pair]
        layers = [model.hidden for model in models] + [model.output for model in models]
        theirs = [tensor.data_ptr() for layer in layers for tensor in (layer.weight, layer.bias)]
        return (ours, self.loss, self.tiling) == (theirs, loss, TILING)

    def take_weights(self) -> None:
        """Copy the second layers here."""
        for student, (U, c) in enumerate(self.second):
            self.U[student].copy_(U)
            self.biases[student, 0].copy_(c)

    def give_weights(self) -> None:
        """Copy the second layers back into their networks."""
        for student, (U, c) in enumerate(self.second):
            U.copy_(self.U[student])
            c.copy_(self.biases[student, 0])

    def fill(
        self, x: torch.Tensor, targets: Sequence[torch.Tensor], rates: Sequence[torch.Tensor], scale: float
    ) -> None:
        """Put at most a block of rows here; with a rate of 0 the others do nothing."""
        n = len(x)
        self.x[:n].copy_(x)
        self.rates[:, n:] = 0
        for student in range(len(self.first)):
            self.targets[student, :n].copy_(targets[student])
            torch.mul(rates[student], scale, out=self.rates[student, :n])

    def run(self) -> None:
        """Take the block's steps."""
        if self.graph is None:
            self._launch()
        else:
            self.graph.replay()

    def _captured(self) -> torch.cuda.CUDAGraph:
        """Return the graph of a block. Rates are 0 still, so that compiling, a run, changes nothing."""
        side: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            self._launch()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # Only this thread is watched: loaders may allocate pinned memory meanwhile.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            self._launch()
        return graph

    def _launch(self) -> None:
        size, part = self.tiling.block, self.tiling.sub_block
        with _full_precision():
            torch.addmm(self.ones.expand(size, size), self.x, self.x.T, out=self.gram)
            for (W, b), H in zip(self.first, self.H, strict=True):
                torch.addmm(b, self.x, W.T, out=H)
            for start in range(0, size, part):
                stop = start + part
                self._step(start, start, end=False, begin=True)
                for t in range(start + 1, stop):
                    self._step(t, start, end=True, begin=True)
                self._step(stop, start, end=True, begin=False)
                if stop < size:
                    for H, steps in zip(self.H, self.steps, strict=True):
                        H[stop:].addmm_(self.gram[start:stop, stop:].T, steps[start:stop], alpha=-1)
            for (W, b), steps in zip(self.first, self.steps, strict=True):
                W.addmm_(steps.T, self.x, alpha=-1)
                b.addmv_(steps.T, self.ones, alpha=-1)
            self.biases[:, 0].copy_(self.biases[:, size])

    def _step(self, t: int, first: int, end: bool, begin: bool) -> None:
        launch: Any = step[(self.programs, len(self.first))]
        launch(
            self.H, self.U, self.steps, self.partial, self.biases, self.gram,
            self.targets, self.rates, self.losses, t, first, self.m, self.n_classes, self.programs,
            BLOCK=self.tiling.block, SUB_BLOCK=self.tiling.sub_block, CHUNK=self.tiling.chunk,
            CLASSES=max(2, triton.next_power_of_2(self.n_classes)),
            PROGRAMS=max(2, triton.next_power_of_2(self.programs)),
            END=end, BEGIN=begin, HINGE=self.loss == "hinge", num_warps=self.tiling.warps,
        )  # fmt: skip


@contextmanager
def _full_precision() -> Iterator[None]:
    """Take products in the weights' own precision, whatever the program around has chosen for its own."""
    chosen = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(chosen)
