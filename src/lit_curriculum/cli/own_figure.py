"""A figure of a user's own script, with the options and the errors of `lit reproduce`."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence

from lit_curriculum.cli.main import guarded
from lit_curriculum.cli.parser import figure_parser
from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.reproduce.figure import SCALES, Figure, Scale
from lit_curriculum.reproduce.results import MissingData


def make_figure(
    name: str,
    made: Callable[[Scale], Figure],
    trusted: Sequence[str] = (),
    words: Sequence[str] | None = None,
) -> int:
    """Make a figure as the command line of its script says, e.g. ``python my_figure.py smoke --jobs 1``.

    Runs, data, claims and pictures lie in ``--out``, as those of `lit reproduce` do. Call it under
    ``if __name__ == "__main__"``: worker processes import the script.

    Args:
        name: of the figure's folder.
        made: returns the figure at a scale.
        trusted: modules of yours that configurations name.
        words: of the command line; those of this process by default.

    Returns:
        The exit code: 0; 1 if a run failed or a claim fails that was not expected to; 2 for wrong input; 75
        if it was stopped and goes on with the same command.
    """
    words = sys.argv[1:] if words is None else words
    options = figure_parser(name, (made.__doc__ or "").partition("\n")[0]).parse_args(words)
    return guarded(lambda: _make(name, made, trusted, options), options.debug, goes_on=True)


def _make(
    name: str, made: Callable[[Scale], Figure], trusted: Sequence[str], options: argparse.Namespace
) -> int:
    from lit_curriculum.cli.reproduce import carried_out, check_size

    check_size("scale", options, SCALES)
    if not re.fullmatch(r"\w[\w.-]*", name) or name in ("runs", "jobs"):
        raise bad_value("name", name, "letters, digits, _, - and ., and neither runs nor jobs")
    if isinstance(trusted, str):
        raise bad_value("trusted", trusted, f'names in a tuple or list: ("{trusted}",)')
    options.redraw, options.trust = False, list(trusted)
    figure = made(options.scale)
    if not isinstance(figure, Figure):
        raise bad_value(getattr(made, "__name__", "made"), figure, "a function that returns a Figure")
    try:
        return carried_out({name: figure.with_seeds(options.seeds)}, options, check=True)
    except MissingData as error:  # a claim, or the picture, asks for what was not measured
        raise UsageError(f"{name}: {error}") from error
