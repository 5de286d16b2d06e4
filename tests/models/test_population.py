"""Students side by side learn what each learns alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.pcfg_bert import PCFGData
from lit_curriculum.models import BertMaskedLM, build, target_logits
from lit_curriculum.models.population import Population

ROOTS, RATES = [13, 14, 15], (1e-3, 3e-3, 1e-2)


def students(dtype: torch.dtype = torch.float64, **changes: Any) -> list[BertMaskedLM]:
    arguments = {"vocab_size": 5, "max_length": 27, "layers": 2, "heads": 1, "initializer_range": 0.1}
    description = {"name": "bert_masked_lm", "init_args": {**arguments, **changes}}
    return [build(description, seed).to(dtype) for seed in range(len(RATES))]  # type: ignore[misc]


def adam(model: BertMaskedLM, rate: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), fused=True)


def batches(steps: int, **changes: Any) -> list[tuple[dict[str, torch.Tensor], torch.Tensor]]:
    data = PCFGData(num_steps=steps, eval_every=1, roots=ROOTS, batch_size=4, **changes)
    drawn = [data.draw("train", 4 * step, 4) for step in range(steps)]
    return [(batch["inputs"], batch["labels"].flatten()[batch["inputs"]["targets"]]) for batch in drawn]


@pytest.mark.parametrize("changes", [{}, {"hide_unmasked_targets": True, "mask_rate": 0.5}])
@pytest.mark.parametrize("tied", [True, False])
def test_answers_are_those_of_each_model_alone(changes: dict[str, Any], tied: bool) -> None:
    models, (inputs, _) = students(tie_embeddings=tied), batches(1, **changes)[0]
    alone = torch.stack([target_logits(model, inputs) for model in models])
    torch.testing.assert_close(Population(models).logits(inputs), alone, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("steps", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_students_of_several_rates_learn_what_each_learns_alone(steps: int) -> None:
    alone, together = students(), students()
    population = Population(together)
    optimizers = [adam(model, rate) for model, rate in zip(alone, RATES, strict=True)]
    others = [adam(model, rate) for model, rate in zip(together, RATES, strict=True)]
    for inputs, labels in batches(steps):
        for model, optimizer in zip(alone, optimizers, strict=True):
            optimizer.zero_grad()
            functional.cross_entropy(target_logits(model, inputs), labels).backward()
            optimizer.step()
        losses = [functional.cross_entropy(logits, labels) for logits in population.logits(inputs)]
        torch.stack(losses).sum().backward()
        population.hand_out_gradients()
        for optimizer in others:
            optimizer.step()
    for model, other in zip(alone, together, strict=True):
        for name, tensor in model.state_dict().items():
            torch.testing.assert_close(other.state_dict()[name], tensor, rtol=0, atol=1e-9)


def test_models_of_several_shapes_are_refused() -> None:
    with pytest.raises(UsageError, match="models"):
        Population([students()[0], students(heads=2)[0]])
