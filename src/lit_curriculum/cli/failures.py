"""What ended a training, told as one of the exceptions that the command line prints."""

from __future__ import annotations

import re

from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException

from lit_curriculum import errors

_OURS = re.compile(r"^lit_curriculum\.errors\.(\w+): (.*)$", re.MULTILINE)


def of_a_device(error: BaseException) -> BaseException:
    """Return what a process that a strategy started for another device raised, or ``error`` itself."""
    if isinstance(error, ProcessRaisedException):
        found = _OURS.findall(str(error))
        if found:
            name, message = found[-1]
            return getattr(errors, name)(message)  # type: ignore[no-any-return]
    if isinstance(error, ProcessExitedException):
        return errors.RunFailed(f"a device's process ended ({error}); run the same command again to go on")
    return error


def in_one_line(error: BaseException) -> str:
    """Return an exception as a line for provenance.json."""
    text = " ".join(str(error).split())
    ours = isinstance(error, errors.UsageError | errors.RunFailed)
    return (text if ours else f"{type(error).__name__}: {text}")[:500]
