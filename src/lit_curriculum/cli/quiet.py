"""What the libraries say that is an advertisement, or advice that this suite has already followed."""

from __future__ import annotations

import logging
import warnings

_UNWANTED = ("💡", "GPU available", "TPU available", "`Trainer.fit` stopped", "`weights_only` was not set")


def quieten() -> None:
    """Leave such messages out."""

    class Unwanted(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            text = record.getMessage()
            return not text.startswith(_UNWANTED)

    for name in (
        "lightning.pytorch.utilities.rank_zero",
        "lightning.fabric.utilities.rank_zero",
        "lightning.pytorch.trainer.connectors.checkpoint_connector",
    ):
        logger = logging.getLogger(name)
        if not any(type(f).__name__ == "Unwanted" for f in logger.filters):
            logger.addFilter(Unwanted())
    for pattern in (
        "LightningCLI's args parameter is intended.*",
        ".*configure_optimizers. returned .None.*",
        ".*isinstance\\(treespec, LeafSpec\\).*",
        ".*does not have many workers.*",
        ".*your dataloader is not resumable.*",
        ".*The number of training batches .* is smaller than the logging interval.*",
        ".*Checkpoint directory .* exists and is not empty.*",
        # On a machine of a cluster, of every command that trains without srun.
        ".*The `srun` command is available on your system but is not used.*",
    ):
        warnings.filterwarnings("ignore", pattern)
