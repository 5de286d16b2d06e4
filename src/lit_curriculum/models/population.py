"""Many small BERTs of one shape at once: their weights stacked, one operation for all of them.

A step of a BERT of one or two heads is calls of operations more than arithmetic. Students that see the same
batches and differ in weights, teachers or learning rates can share the calls: a product is a batched one over
stacked matrices, and the attention takes everybody's strings as one long row of strings
(`ragged_attention`). Each student stays a model of its own: its parameters are views of the stacked ones, so
that its optimizer, its checkpoints and its probes know nothing of the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from lit_curriculum.errors import bad_value
from lit_curriculum.models.bert import BertMaskedLM
from lit_curriculum.models.gelu import gelu
from lit_curriculum.models.packed_bert import Packing, can_pack
from lit_curriculum.models.ragged_attention import RaggedAttention, Strings

_CUT = len("bert_for_masked_lm.")


class Population:
    """P models whose parameters are from now on views of stacked ones.

    Args:
        models: of one shape, as `packed_bert` takes them, on the processor.

    Attributes:
        weights: parameters by name, those of all models in the first dimension; leaves with gradients.

    Raises:
        UsageError: if the models are not of one shape.
    """

    def __init__(self, models: Sequence[BertMaskedLM]) -> None:
        for model in models:
            if model.init_args != models[0].init_args:
                raise bad_value("models", model.init_args, f"those of the first, {models[0].init_args}")
        self.models = list(models)
        self.heads, self.layers = (int(models[0].init_args[key]) for key in ("heads", "layers"))
        self._eps = float(models[0].bert_for_masked_lm.config.layer_norm_eps)
        owners = [dict(model.named_parameters()) for model in models]
        self.weights = {
            name[_CUT:]: torch.stack([of_one[name].detach() for of_one in owners]).requires_grad_()
            for name in owners[0]
        }
        self._views = [(name[_CUT:], [of_one[name] for of_one in owners]) for name in owners[0]]
        for name, parameters in self._views:
            for view, parameter in zip(self.weights[name].detach(), parameters, strict=True):
                parameter.data = view

    def hand_out_gradients(self) -> None:
        """Give every model its part of the gradients, and forget them here."""
        for name, parameters in self._views:
            stacked = self.weights[name]
            gradients = [None] * len(parameters) if stacked.grad is None else list(stacked.grad)
            for gradient, parameter in zip(gradients, parameters, strict=True):
                parameter.grad = gradient
            stacked.grad = None

    def logits(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return logits (P, M, V) of the predicted tokens, a matrix for each model.

        Args:
            inputs: see `models.predicting.Inputs`.

        Raises:
            UsageError: for inputs or models that `packed_bert` does not take.
        """
        if not all(can_pack(model, inputs) for model in self.models):
            raise bad_value("models", "such that cannot be packed", "those of `packed_bert.can_pack`")
        self.models[0].check_length(inputs["input_ids"])
        pack = Packing.of(inputs["attention_mask"].numpy().astype(np.bool_), inputs["targets"].numpy())
        hidden = self._embedded(inputs["input_ids"], pack)
        bias = np.tile(pack.bias(hidden.detach().numpy().dtype), len(self.models))
        keys, queries = self._repeated(pack.keys), self._repeated(pack.queries)
        everything, predicted = Strings.of(keys, keys, bias), Strings.of(queries, keys, bias)
        for layer in range(self.layers - 1):
            hidden = self._layer(layer, hidden, hidden, everything)
        read = hidden.index_select(1, torch.from_numpy(pack.targets))
        return self._head(self._layer(self.layers - 1, read, hidden, predicted))

    def _embedded(self, ids: torch.Tensor, pack: Packing) -> torch.Tensor:
        """Return the tokens' embeddings (P, N, width)."""
        tokens = ids.flatten().index_select(0, torch.from_numpy(pack.tokens))
        places = torch.from_numpy(pack.tokens % ids.shape[1])
        names = ("word_embeddings", "position_embeddings", "token_type_embeddings")
        word, place, segment = (self.weights[f"bert.embeddings.{name}.weight"] for name in names)
        found = word.index_select(1, tokens) + (place + segment).index_select(1, places)
        return self._norm("bert.embeddings.LayerNorm", found)

    def _layer(
        self, layer: int, asking: torch.Tensor, hidden: torch.Tensor, strings: Strings
    ) -> torch.Tensor:
        """Return a layer's output (P, M, width) for the tokens that ask among all (P, N, width)."""
        name = f"bert.encoder.layer.{layer}."
        pair = torch.cat(
            [self._linear(f"{name}attention.self.{part}", hidden) for part in ("key", "value")], -1
        )
        query = self._linear(f"{name}attention.self.query", asking)
        flat = (query.flatten(0, 1), pair.flatten(0, 1))
        seen = RaggedAttention.apply(*flat, strings, self.heads)  # type: ignore[no-untyped-call]
        attended = self._linear(f"{name}attention.output.dense", seen.view_as(query))
        attended = self._norm(f"{name}attention.output.LayerNorm", attended + asking)
        inner = gelu(self._linear(f"{name}intermediate.dense", attended))
        return self._norm(f"{name}output.LayerNorm", self._linear(f"{name}output.dense", inner) + attended)

    def _head(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return logits (P, M, V) of embeddings (P, M, width)."""
        name = "cls.predictions.transform."
        hidden = self._norm(f"{name}LayerNorm", gelu(self._linear(f"{name}dense", hidden)))
        # Of a tied matrix only the first name is among the parameters.
        own = self.weights.get("cls.predictions.decoder.weight")
        matrix = self.weights["bert.embeddings.word_embeddings.weight"] if own is None else own
        return torch.baddbmm(self.weights["cls.predictions.bias"][:, None], hidden, matrix.transpose(1, 2))

    def _linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return torch.baddbmm(bias[:, None], x, weight.transpose(1, 2))

    def _norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        normed = functional.layer_norm(x, x.shape[-1:], eps=self._eps)
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return torch.addcmul(bias[:, None], normed, weight[:, None])

    def _repeated(self, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return where each string of each model begins, and the end."""
        shifts = np.arange(len(self.models))[:, None] * starts[-1]
        return np.append((starts[:-1] + shifts).reshape(-1), len(self.models) * starts[-1])
