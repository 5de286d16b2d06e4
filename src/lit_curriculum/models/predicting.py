"""One way to ask any model for its predictions, be it a student or a teacher."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import nn

from lit_curriculum.models.packed_bert import can_pack, packed_logits

# A tensor of samples (n, ...), or the arguments of a masked language model:
#   input_ids (n, L) and attention_mask (n, L), and targets (M,), the places to be predicted as indices
#   into the flattened (n * L).
Inputs = torch.Tensor | Mapping[str, torch.Tensor]


def target_logits(
    model: nn.Module, inputs: Inputs, hidden_states: Callable[..., torch.Tensor] | None = None
) -> torch.Tensor:
    """Return logits (M, C), a row for each prediction that is asked for.

    A masked language model computes its head for the targets alone, in float32 even under autocast: in
    bfloat16 a logit near 4 has steps of 1/64, and a teacher's two best answers would often be equal. On the
    processor it computes what the targets need (`packed_bert`).

    Args:
        model: takes a tensor; or has ``hidden_states`` and ``head``, as `models.bert.BertMaskedLM` has; or
            has a ``target_logits`` of its own.
        inputs: see `Inputs`. For a tensor, M = n.
        hidden_states: used in place of the model's own, e.g. a compiled one.
    """
    own = getattr(model, "target_logits", None)
    if own is not None:
        return cast(torch.Tensor, own(inputs))
    if isinstance(inputs, torch.Tensor):
        return cast(torch.Tensor, model(inputs))
    if hidden_states is None and can_pack(model, inputs):
        return packed_logits(model, inputs)
    masked_lm = cast(Any, model)
    hidden = (hidden_states or masked_lm.hidden_states)(inputs["input_ids"], inputs["attention_mask"])
    return in_float32(masked_lm.head, hidden.flatten(0, 1).index_select(0, inputs["targets"]))


def in_float32(head: Callable[[torch.Tensor], torch.Tensor], hidden: torch.Tensor) -> torch.Tensor:
    """Return ``head(hidden)``, computed in float32 also under autocast."""
    if not torch.is_autocast_enabled(hidden.device.type):
        return head(hidden)
    with torch.autocast(hidden.device.type, enabled=False):
        return head(hidden.float())
