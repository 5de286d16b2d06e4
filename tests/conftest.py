"""Settings of the whole test session: deterministic properties, one thread a process."""

from __future__ import annotations

import torch
from hypothesis import settings

settings.register_profile("deterministic", derandomize=True, deadline=None, database=None, max_examples=60)
settings.load_profile("deterministic")

# Sums are split among threads; one thread gives the same rounding on every machine.
torch.set_num_threads(1)
