"""The rule "densely while the metric moves", shared by what harvests and what measures."""

from __future__ import annotations

from collections.abc import Mapping

from lit_curriculum.errors import bad_value


class MetricMoved:
    """Tells after each evaluation whether a metric moved enough since the last time it said yes.

    Args:
        owner: name of the callback, for messages.
        on_change: least change, or None to never say yes.
        metric: which metric to watch.

    Raises:
        UsageError: for a change that is not > 0.
    """

    def __init__(self, owner: str, on_change: float | None, metric: str) -> None:
        if on_change is not None and not on_change > 0:
            raise bad_value(f"{owner}.on_change", on_change, "a number > 0")
        self._owner = owner
        self.on_change = on_change
        self.metric = metric
        self.last_value: float | None = None

    def __call__(self, metrics: Mapping[str, float]) -> bool:
        """Return whether ``metrics`` are due.

        Raises:
            UsageError: if the metric is not among them.
        """
        if self.on_change is None:
            return False
        if self.metric not in metrics:
            raise bad_value(f"{self._owner}.metric", self.metric, ", ".join(sorted(metrics)))
        value = metrics[self.metric]
        if self.last_value is not None and abs(value - self.last_value) < self.on_change:
            return False
        self.last_value = value
        return True
