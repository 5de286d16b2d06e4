"""GPT-2 on boundary tokens: progressive distillation against one-shot, wider students (figure 31)."""

from __future__ import annotations

from functools import partial

from lit_curriculum.papers.progressive import fig30

figure = partial(fig30.figure, which=1)
