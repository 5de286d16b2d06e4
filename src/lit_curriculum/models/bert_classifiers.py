"""BERT that classifies tokens, or steps from [CLS] (implicit, sections 3.2, 3.3 and B): transformers' own."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn

from lit_curriculum.errors import bad_value
from lit_curriculum.models.predicting import Inputs, in_float32


class BertTokenClassifier(nn.Module):
    """BERT with one classifier for every token, read where the inputs' ``targets`` say.

    Args:
        vocab_size: token ids V; 30,522 is BERT's standard vocabulary, used or not.
        max_length: most tokens of an input; the number of position embeddings.
        n_classes: classes C of a token.
        layers: transformer layers; BERT-Base has 12.
        heads: attention heads; BERT-Base has 12.
        head_size: dimensions a head; width = heads * head_size. BERT-Base: 64.
        feed_forward: feed-forward width as a multiple of the width.
        initializer_range: standard deviation of the initial weights; transformers' 0.02 at any width unless
            set. At width 64 that is far below 1 / sqrt(width) and costs thousands of steps.
        dropout: rate after embeddings, attention, feed-forward and before the classifier.

    Shapes: input_ids (n, L) -> logits (n, L, C).

    Raises:
        UsageError: naming the argument that is out of range.
    """

    def __init__(
        self,
        vocab_size: int,
        max_length: int,
        n_classes: int = 2,
        layers: int = 12,
        heads: int = 12,
        head_size: int = 64,
        feed_forward: int = 4,
        initializer_range: float = 0.02,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.init_args: dict[str, Any] = {
            "vocab_size": vocab_size,
            "max_length": max_length,
            "n_classes": n_classes,
            "layers": layers,
            "heads": heads,
            "head_size": head_size,
            "feed_forward": feed_forward,
            "initializer_range": initializer_range,
            "dropout": dropout,
        }
        # Imported here because it takes seconds, which models without it need not wait for.
        from transformers import BertForTokenClassification

        self.classifier = BertForTokenClassification(_config(self.init_args, n_classes))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
        """Return logits (n, L, C).

        Args:
            input_ids: token ids (n, L).
            attention_mask: positions that may be attended to (n, L); default all.
        """
        return self.head(self.hidden_states(input_ids, attention_mask))

    def hidden_states(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the last layer's embeddings (n, L, width)."""
        output = self.classifier.bert(input_ids=input_ids, attention_mask=attention_mask)
        return cast(torch.Tensor, output.last_hidden_state)

    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return logits (..., C) of embeddings (..., width)."""
        return cast(torch.Tensor, self.classifier.classifier(self.classifier.dropout(hidden)))


class BertStepClassifier(nn.Module):
    """BERT whose first token, [CLS], carries one classifier a step (implicit, section 3.3 and B.3).

    Args:
        n_steps: classifiers on [CLS], S.
        vocab_size: see `BertTokenClassifier`, as all that follow.
        max_length: as there.
        n_classes: as there, classes of each step.
        layers: as there.
        heads: as there.
        head_size: as there.
        feed_forward: as there.
        initializer_range: as there.
        dropout: as there.

    Shapes: input_ids (n, L) -> logits (n, S, C). Its inputs' ``targets`` are places in (n * S).

    Raises:
        UsageError: naming the argument that is out of range.
    """

    def __init__(
        self,
        n_steps: int,
        vocab_size: int,
        max_length: int,
        n_classes: int = 10,
        layers: int = 12,
        heads: int = 12,
        head_size: int = 64,
        feed_forward: int = 4,
        initializer_range: float = 0.02,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.init_args: dict[str, Any] = {
            "n_steps": n_steps,
            "vocab_size": vocab_size,
            "max_length": max_length,
            "n_classes": n_classes,
            "layers": layers,
            "heads": heads,
            "head_size": head_size,
            "feed_forward": feed_forward,
            "initializer_range": initializer_range,
            "dropout": dropout,
        }
        from transformers import BertForSequenceClassification

        self.n_steps, self.n_classes = n_steps, n_classes
        self.classifier = BertForSequenceClassification(_config(self.init_args, n_steps * n_classes))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
        """Return logits (n, S, C); arguments as in `BertTokenClassifier.forward`."""
        pooled = self.classifier.bert(input_ids=input_ids, attention_mask=attention_mask).pooler_output
        logits = in_float32(self._head, pooled)
        return logits.view(len(input_ids), self.n_steps, self.n_classes)

    def target_logits(self, inputs: Inputs) -> torch.Tensor:
        """See `models.predicting.target_logits`."""
        given = cast(dict[str, torch.Tensor], inputs)
        logits = self(given["input_ids"], given["attention_mask"])
        return cast(torch.Tensor, logits.flatten(0, 1).index_select(0, given["targets"]))

    def _head(self, pooled: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.classifier.classifier(self.classifier.dropout(pooled)))


def _config(arguments: dict[str, Any], n_labels: int) -> Any:
    for key, value in arguments.items():
        if key not in ("initializer_range", "dropout") and value < 1:
            raise bad_value(key, value, "an integer of at least 1")
    if arguments["initializer_range"] <= 0:
        raise bad_value("initializer_range", arguments["initializer_range"], "a number above 0")
    if not 0 <= arguments["dropout"] < 1:
        raise bad_value("dropout", arguments["dropout"], "0 <= dropout < 1")
    from transformers import BertConfig

    width = arguments["heads"] * arguments["head_size"]
    return BertConfig(
        vocab_size=arguments["vocab_size"],
        hidden_size=width,
        num_hidden_layers=arguments["layers"],
        num_attention_heads=arguments["heads"],
        intermediate_size=arguments["feed_forward"] * width,
        max_position_embeddings=arguments["max_length"],
        type_vocab_size=1,  # one segment: the second row would never be trained
        initializer_range=arguments["initializer_range"],
        hidden_dropout_prob=arguments["dropout"],
        attention_probs_dropout_prob=arguments["dropout"],
        pad_token_id=None,  # no input is padded: id 0 is a token like any other
        num_labels=n_labels,
        attn_implementation="sdpa",
    )
