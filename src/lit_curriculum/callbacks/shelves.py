"""Where the answers of a run's teacher are kept, if they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lightning import Trainer

from lit_curriculum.distillation import (
    EXACT_LABELS,
    Checkpoint,
    LabelCache,
    Shelf,
    TopKLabels,
    arithmetic,
    is_sharp,
)
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.guest import Run

if TYPE_CHECKING:
    from lit_curriculum.callbacks.swap_teacher import SwapTeacher


def shelf_of(swap: SwapTeacher, entry: Checkpoint, trainer: Trainer, module: Run) -> Shelf[Any] | None:
    """Return the place of a checkpoint's answers to a run's samples, or None if they are not kept.

    It is ``labels/`` beside the bank. Answers to other samples, shares of a batch, temperatures or
    precisions have other places; so have whole softmaxes that another processor or number of threads
    computed, whose last bits may differ.
    """
    kept = module.exact_answers or swap.top_k is not None or is_sharp(swap.tau)
    if not swap.label_cache or not kept or not module.caches_labels:
        return None
    assert isinstance(module, CurriculumModule)
    data = module.data
    cache = LabelCache(Path(swap.bank).parent / "labels", int(swap.label_cache_gib * 2**30))
    stream = {
        "task": data.describe_task(),
        "data_seed": data.data_seed,
        "batch_size": data.batch_size,
        "share": [trainer.global_rank, trainer.world_size, trainer.accumulate_grad_batches],
        "tau": swap.tau,
        "precision": str(trainer.precision),
        "device": torch.device(swap.teacher_device or module.device).type,
    }
    if module.exact_answers:
        stream["arithmetic"] = arithmetic(swap.teacher_device or module.device)
        return cache.shelf_for(EXACT_LABELS, entry.sha256, stream)
    if swap.top_k is not None:
        return cache.shelf_for(TopKLabels(swap.top_k), entry.sha256, stream)
    return cache.shelf(entry.sha256, stream)
