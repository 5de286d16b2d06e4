"""Sequences of bit-subset parity (subtask, section 5.2 and appendix G)."""

from __future__ import annotations

from typing import Any

from lit_curriculum.tasks.bit_subset_parity import BitSubsetParity, PairOrder, TreeOf
from lit_curriculum.tasks.counter import check_seed
from lit_curriculum.training.decomposed import DecomposedData


class BitSubsetParityData(DecomposedData):
    """Strings of d bits, the labels of the tree over half of them, and the parity of that half.

    As in the paper, ``data_seed`` draws the subset as well as the training, validation and test set.

    Args:
        d: bits; even, with labels of the sub-tasks twice a power of two. The paper's are 8 to 128.
        num_steps: length of the run in updates.
        subtask_labels: write the inner nodes of the tree into the sequence; without, the answer alone.
        pair_order: pair the subset's bits in the order of their indices (the paper) or in a random one (its
            released code).
        tree_of: whose tree the sub-tasks' labels are: the ``subset``'s, or as a control the ``others``', of
            the bits that do not count.
        data_seed: the paper's dataset seeds are 27, 67 and 93.
        **kwargs: see `DecomposedData`.

    Raises:
        UsageError: naming the argument that is wrong.
    """

    def __init__(
        self,
        d: int,
        num_steps: int,
        subtask_labels: bool = True,
        pair_order: PairOrder = "index",
        tree_of: TreeOf = "subset",
        data_seed: int = 27,
        **kwargs: Any,
    ) -> None:
        check_seed("data.data_seed", data_seed)
        task = BitSubsetParity.create(d, data_seed, subtask_labels, pair_order, tree_of)
        super().__init__(task, num_steps, data_seed=data_seed, **kwargs)
