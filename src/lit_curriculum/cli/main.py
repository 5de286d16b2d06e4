"""Entry point of ``lit``: answers help and lists at once, and imports Lightning only to train.

Exit codes: 0 success, 1 a claim fails or an internal error, 2 wrong input (one line, nothing written).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from lit_curriculum import __version__
from lit_curriculum.errors import UsageError, suggest

TRAINING = {
    "fit": "train a model (resumes by itself in a folder that holds the same run)",
    "validate": "evaluate on the validation stream",
    "test": "evaluate on the test stream",
    "predict": "write class probabilities on the test stream",
}
SCALES = ("smoke", "laptop", "paper")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser behind ``lit --help`` and the shell completion."""
    parser = argparse.ArgumentParser(
        prog="lit",
        description="Experiments on intermediate supervision: train, distil, reproduce figures.",
        epilog="lit fit --help lists every option; lit fit --model.help SparseParityMLP those of a class.",
    )
    parser.add_argument("--version", action="version", version=f"lit_curriculum {__version__}")
    parser.add_argument("--debug", action="store_true", help="show tracebacks of errors in the input")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, text in TRAINING.items():
        command = commands.add_parser(name, help=text)
        _file(command.add_argument("--config", "-c", action="append", help="YAML file; later ones overlay"))
        command.add_argument("--run_dir", help="folder of the run (default: runs/<names of the configs>)")
    check = commands.add_parser(
        "check", help="resolve a configuration, verify its teachers, estimate its cost; train nothing"
    )
    _file(check.add_argument("configs", nargs="+", metavar="CONFIG", help="YAML file; later ones overlay"))
    reproduce = commands.add_parser("reproduce", help="reproduce a figure or table with its claims")
    reproduce.add_argument("target", nargs="?", help="a name from --list")
    reproduce.add_argument("--list", action="store_true", help="list the targets")
    reproduce.add_argument("--scale", default="laptop", help=f"one of {', '.join(SCALES)} (default laptop)")
    reproduce.add_argument("--out", default="out", help="folder for runs and figures (default out)")
    reproduce.add_argument("--json", action="store_true", help="print claims.json instead of a table")
    reproduce.add_argument("--fresh", action="store_true", help="do not reuse finished runs")
    reproduce.add_argument("--jobs", type=int, help="runs side by side (default: one a processor core)")
    completion = commands.add_parser("completion", help="print a completion script for your shell")
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh"))
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run ``lit`` with these arguments and return its exit code."""
    words = list(arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        return _dispatch(words)
    except UsageError as error:
        if debug:
            raise
        print(f"lit: error: {error}", file=sys.stderr)
        return 2


def _dispatch(words: list[str]) -> int:
    parser = build_parser()
    command = words[0] if words else None
    if command is None:
        parser.print_help()
        return 2
    if command in TRAINING:
        from lit_curriculum.cli.training import train

        return train(words)
    if command == "check":
        from lit_curriculum.cli.check import check

        return check(words[1:])
    if not command.startswith("-"):
        known = [*TRAINING, "check", "reproduce", "completion"]
        if command not in known:
            raise UsageError(
                f"command: got {command!r}; allowed: {', '.join(known)}{suggest(command, known)}"
            )
    options = parser.parse_args(words)
    if options.command == "reproduce":
        from lit_curriculum.cli.reproduce import reproduce

        return reproduce(options)
    import shtab

    print(shtab.complete(parser, options.shell))
    return 0


def _file(action: argparse.Action) -> None:
    """Let the shell complete file names for an argument."""
    action.complete = {"bash": "_shtab_compgen_files", "zsh": "_files", "tcsh": "f"}  # type: ignore[attr-defined]


def console() -> None:
    """Console script."""
    sys.exit(main(sys.argv[1:]))
