"""Batches as a function of the step: what every experiment's data module shares."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Literal, cast

import torch
from lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset, Sampler

from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.models.registry import memory_of_machine
from lit_curriculum.tasks.counter import Stream, check_seed

EvalStream = Literal["val", "test"]
# ``inputs`` is what the model takes: a tensor, or a dict of tensors. Everything else is a tensor.
Batch = dict[str, Any]

# What a batch says of itself, read on the host alone.
_BOOKKEEPING = ("first_step", "last_step", "index", "targets", "targets_of_step")


# So many samples fit anywhere; their size is not asked.
_FEW = 1_000_000


class CurriculumData(LightningDataModule, ABC):
    """Fresh samples, cut into steps of one declared global batch.

    Step s trains on samples ``s * batch_size .. (s + 1) * batch_size - 1`` of the ``train`` split, on any
    number of devices and with any gradient accumulation: they divide the batch and never change it.

    Args:
        num_steps: length of the run in optimizer updates.
        batch_size: global batch, all devices and accumulation steps together.
        eval_every: updates between two evaluations; must divide num_steps.
        steps_per_call: updates inside one Lightning batch, for modules that loop themselves; must divide
            eval_every.
        data_seed: seed of every split.
        eval_streams: streams evaluated during training. Choose on ``val``, report on ``test``.
        eval_samples: held-out samples of each split.
        eval_batch_size: rows of one evaluation batch on one device.
        num_workers: loader processes; samples are computed, so 0 is usually best.

    Raises:
        UsageError: naming the argument that is wrong.
    """

    def __init__(
        self,
        num_steps: int,
        batch_size: int = 1,
        eval_every: int = 1000,
        steps_per_call: int = 1,
        data_seed: int = 0,
        eval_streams: Sequence[EvalStream] = ("val",),
        eval_samples: int = 4096,
        eval_batch_size: int = 2048,
        num_workers: int = 0,
    ) -> None:
        super().__init__()
        sizes = {
            "num_steps": num_steps,
            "batch_size": batch_size,
            "eval_every": eval_every,
            "steps_per_call": steps_per_call,
            "eval_samples": eval_samples,
            "eval_batch_size": eval_batch_size,
        }
        for key, value in sizes.items():
            if value < 1:
                raise bad_value(f"data.{key}", value, "an integer of at least 1")
            if value > 2**53:
                raise bad_value(f"data.{key}", value, "an integer of at most 2^53")
        if num_workers < 0:
            raise bad_value("data.num_workers", num_workers, "an integer of at least 0")
        if num_steps % eval_every:
            raise bad_value("data.eval_every", eval_every, f"a divisor of num_steps = {num_steps}")
        if eval_every % steps_per_call:
            raise bad_value("data.steps_per_call", steps_per_call, f"a divisor of eval_every = {eval_every}")
        if not eval_streams:
            raise bad_value("data.eval_streams", eval_streams, "at least one of val, test")
        check_seed("data.data_seed", data_seed)
        self.num_steps = num_steps
        self.batch_size = batch_size
        self.eval_every = eval_every
        self.steps_per_call = steps_per_call
        self.data_seed = data_seed
        self.eval_streams = list(eval_streams)
        self.eval_samples = eval_samples
        self.eval_batch_size = eval_batch_size
        self.num_workers = num_workers
        self._spaced = False

    @abstractmethod
    def draw(self, stream: Stream, start: int, count: int) -> Batch:
        """Return samples ``start .. start + count - 1`` of a split, at least ``inputs`` and ``labels``."""

    def count_targets(self, batch: Batch) -> int:
        """Return how many predictions a batch's loss is a mean over; by default one a sample."""
        return len(batch["labels"])

    def training_facts(self, step: int) -> dict[str, float]:
        """Return what is worth recording about the batch of a step beside the metrics; by default nothing."""
        return {}

    @abstractmethod
    def describe_task(self) -> dict[str, Any]:
        """Return what identifies the task, without seeds: equal for a teacher and its student."""

    def check_devices(self, world_size: int, accumulate: int) -> None:
        """Check that the global batch can be divided.

        Raises:
            UsageError: if it is not divisible by devices times accumulation steps.
        """
        parts = world_size * accumulate
        if self.batch_size == 1 and world_size > 1:
            allowed = "1: with batch_size = 1 updates follow one another; further devices train further runs"
            raise bad_value("trainer.devices", world_size, allowed)
        if self.batch_size % parts:
            raise UsageError(
                f"data.batch_size: got {self.batch_size}; allowed: a multiple of {parts} "
                f"({world_size} devices x {accumulate} accumulation steps)"
            )

    def check_memory(self) -> None:
        """Check that a Lightning batch and the held-out sets, which are kept, fit into this machine.

        Raises:
            UsageError: naming the size that does not.
        """
        trainer = self.trainer
        parts = trainer.world_size * trainer.accumulate_grad_batches if trainer else 1
        sizes: dict[str, tuple[Stream, int]] = {
            "batch_size": ("train", self.batch_size * self.steps_per_call // parts),
            "eval_samples": ("val", self.eval_samples * len(self.eval_streams)),
        }
        for key, (stream, count) in sizes.items():
            if count <= _FEW:
                continue
            needed, there = count * _bytes_of(self.draw(stream, 0, 2)) // 2, memory_of_machine()
            if needed > there:
                allowed = f"as many as fit into {there / 2**30:,.0f} GiB, these take {needed / 2**30:,.0f}"
                raise bad_value(f"data.{key}", getattr(self, key), allowed)

    def setup(self, stage: str) -> None:
        """In training: check the division of the batch; evaluate every ``eval_every`` updates unless told."""
        trainer = self.trainer
        if trainer is None or stage != "fit":
            return
        self.check_devices(trainer.world_size, trainer.accumulate_grad_batches)
        if trainer.val_check_interval == 1.0 and not getattr(trainer, "fast_dev_run", False):
            calls = self.eval_every // self.steps_per_call
            trainer.val_check_interval = calls * trainer.accumulate_grad_batches
            self._spaced = True

    def teardown(self, stage: str) -> None:
        """Leave the trainer as it came: it may train again, with other data."""
        if self._spaced and self.trainer is not None:
            self.trainer.val_check_interval, self._spaced = 1.0, False

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Move a batch; its bookkeeping stays, since reading that back would wait for all queued work."""
        moved = {name: value for name, value in batch.items() if name not in _BOOKKEEPING}
        stays = {name: value for name, value in batch.items() if name in _BOOKKEEPING}
        return {**super().transfer_batch_to_device(moved, device, dataloader_idx), **stays}

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the batches that are still to come: from the module's step on."""
        trainer = self.trainer
        accumulate = trainer.accumulate_grad_batches if trainer else 1
        rank, world = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        done = getattr(trainer.lightning_module, "step", 0) if trainer else 0
        dataset = _TrainingSteps(self, rank, world, accumulate)
        first = done // self.steps_per_call * accumulate
        return DataLoader(
            dataset,
            batch_size=None,
            sampler=_Onwards(first, len(dataset)),
            num_workers=self.num_workers,
        )

    def whole_batch(self, call: int) -> Batch:
        """Return a Lightning batch of training by its number, as one device sees it without accumulation."""
        return _TrainingSteps(self, 0, 1, 1)[call]

    def val_dataloader(self) -> list[DataLoader[Batch]]:
        """Return one loader for each of ``eval_streams``."""
        return [self._held_out(stream) for stream in self.eval_streams]

    def test_dataloader(self) -> DataLoader[Batch]:
        """Return the ``test`` split."""
        return self._held_out("test")

    def predict_dataloader(self) -> DataLoader[Batch]:
        """Return the ``test`` split."""
        return self._held_out("test")

    def _held_out(self, stream: EvalStream) -> DataLoader[Batch]:
        trainer = self.trainer
        rank, world = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        return DataLoader(_HeldOut(self, stream, rank, world), batch_size=None)


def _bytes_of(value: Any) -> int:
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    return sum(map(_bytes_of, value.values())) if isinstance(value, dict) else 0


class _TrainingSteps(Dataset[Batch]):
    """Map-style dataset over Lightning batches; its items carry the steps that they are for.

    Where samples have different numbers of targets and a batch is divided, an item also says how many
    ``targets`` it has, and all items of this device and step together (``targets_of_step``): see
    `weight_of_part`. No device draws what is another's.
    """

    def __init__(self, data: CurriculumData, rank: int, world: int, accumulate: int) -> None:
        self.data, self.rank, self.world, self.accumulate = data, rank, world, accumulate
        self._drawn: dict[int, Batch] = {}

    def __len__(self) -> int:
        return self.data.num_steps // self.data.steps_per_call * self.accumulate

    def __getitem__(self, index: int) -> Batch:
        data = self.data
        call = index // self.accumulate
        first = call * data.steps_per_call
        numbers = {"first_step": first, "last_step": first + data.steps_per_call, "index": index}
        if self.world * self.accumulate == 1 or type(data).count_targets is CurriculumData.count_targets:
            batch = self._draw(index)
        else:
            of_step = range(call * self.accumulate, (call + 1) * self.accumulate)
            self._drawn = {i: self._drawn[i] if i in self._drawn else self._draw(i) for i in of_step}
            batch = self._drawn[index]
            numbers["targets"] = data.count_targets(batch)
            numbers["targets_of_step"] = sum(map(data.count_targets, self._drawn.values()))
        return {**batch, **{name: torch.tensor(number) for name, number in numbers.items()}}

    def _draw(self, index: int) -> Batch:
        data = self.data
        call, micro = divmod(index, self.accumulate)
        # The slices of one step lie next to each other: device after device, micro-batch after micro-batch.
        part = micro * self.world + self.rank
        size = data.batch_size * data.steps_per_call // (self.world * self.accumulate)
        return data.draw("train", call * data.steps_per_call * data.batch_size + part * size, size)


def weight_of_part(batch: Batch, whole: torch.Tensor, parts: int) -> torch.Tensor:
    """Return what a part's mean loss is multiplied by, so that the mean over parts is that over all targets.

    Args:
        batch: the part, an item of the training data that counts its targets.
        whole: targets of the global batch, float64.
        parts: devices times accumulation steps.
    """
    share = batch["targets"].to(whole) * parts / whole.clamp(min=1)
    return torch.where(whole > 0, share, torch.ones_like(share)).float()


class _HeldOut(Dataset[Batch]):
    """One device's share of a held-out set: batches rank, rank + world, rank + 2 world, ...

    The batches are the same ones on any number of devices, so what is computed for each is the same, too.
    All devices take as many; where there are none left a batch is empty.
    """

    def __init__(self, data: CurriculumData, stream: EvalStream, rank: int, world: int) -> None:
        self.data, self.stream, self.rank, self.world = data, stream, rank, world
        self.batches = math.ceil(data.eval_samples / data.eval_batch_size)
        self._cache: dict[int, Batch] = {}

    def __len__(self) -> int:
        return math.ceil(self.batches / self.world)

    def __getitem__(self, index: int) -> Batch:
        number = index * self.world + self.rank
        if number >= self.batches:
            return {}
        if index not in self._cache:
            start = number * self.data.eval_batch_size
            count = min(self.data.eval_batch_size, self.data.eval_samples - start)
            self._cache[index] = self.data.draw(cast(Stream, self.stream), start, count)
        return self._cache[index]


class _Onwards(Sampler[int]):
    """Indices first .. length - 1.

    Its length counts those already done as well: that is how Lightning, which continues its own batch
    counter on resume, knows where the epoch ends.
    """

    def __init__(self, first: int, length: int) -> None:
        self.first, self.length = first, length

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.length))

    def __len__(self) -> int:
        return self.length
