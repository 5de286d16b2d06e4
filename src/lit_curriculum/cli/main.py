"""Entry point of ``lit``: answers help and lists at once, and imports Lightning only to train.

Exit codes: see `errors`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Callable, Sequence

from lit_curriculum.cli.parser import COMMANDS, SWEEP_ACTIONS, TRAINING, build_parser
from lit_curriculum.cli.words import (
    check_configs,
    check_environment,
    check_words,
    expand_home,
    write_any_letter,
)
from lit_curriculum.errors import (
    RunFailed,
    RunStopped,
    UsageError,
    bad_value,
    of_the_file_system,
    suggest,
    unexpected,
)

_MODULES = {"sample": "grammar", "export": "probe", "tokenize": "tokenize_text"}
"""Where a command's function is, if not in the module of its own name."""


def main(arguments: Sequence[str]) -> int:
    """Run ``lit`` with these arguments and return its exit code."""
    words = list(arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    return guarded(lambda: _dispatch(words), debug, bool(words) and words[0] in ("reproduce", "sweep"))


_OTHER_NAMES = {
    "list": "configs, or reproduce --list",
    "train": "fit",
    "eval": "validate",
    "evaluate": "validate",
}
"""What a command is called that others call so."""


def guarded(command: Callable[[], int], debug: bool, goes_on: bool) -> int:
    """Return a command's exit code; what is wrong becomes one line.

    Args:
        command: what is called.
        debug: raise instead, with a traceback.
        goes_on: whether the same command, run again, goes on after Ctrl-C.
    """
    try:
        return command()
    except (UsageError, RunFailed, RunStopped) as error:
        if debug:
            raise
        return _told(error)
    except OSError as error:
        if debug or isinstance(error, BrokenPipeError):
            raise
        return _told(of_the_file_system(error))
    except Exception as error:
        if debug:
            raise
        return _told(unexpected(error))
    except KeyboardInterrupt:
        if goes_on:
            return _told(RunStopped("interrupted; run the same command again to go on"))
        print("lit: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT


def _told(error: UsageError | RunFailed | RunStopped) -> int:
    """Print an error's line and return its exit code."""
    kind = "stopped" if isinstance(error, RunStopped) else "error"
    print(f"lit: {kind}: {error}", file=sys.stderr)
    return error.exit_code


def _dispatch(words: list[str]) -> int:
    parser = build_parser()
    command = words[0] if words else None
    if command is None:
        parser.print_help()
        return 2
    check_environment()
    if command in TRAINING:
        from lit_curriculum.cli.interruption import stopping_before_training

        stopping_before_training()
        check_configs(words)
        from lit_curriculum.cli.parsing import train

        return train(words)
    if command == "check" and not {"-h", "--help"} & set(words):
        from lit_curriculum.cli.check import check

        return check(words[1:])
    if not command.startswith("-") and command not in COMMANDS:
        named = _OTHER_NAMES.get(command)
        hint = suggest(command, COMMANDS) if named is None else f" (did you mean {named}?)"
        raise bad_value("command", command, f"{', '.join(COMMANDS)}{hint}")
    check_words(words)
    if command == "sweep":
        words = _action_first(words)
    return _run(parser, expand_home(parser.parse_args(words), "--"))


def _action_first(words: list[str]) -> list[str]:
    """Return ``sweep``'s words with an action that stands after options right after the file."""
    for place in range(3, len(words)):
        free = not words[place - 1].startswith("-") or words[place - 1] in ("--json", "--wait")
        if words[place] in SWEEP_ACTIONS and free and not words[1].startswith("-"):
            return [*words[:2], words[place], *words[2:place], *words[place + 1 :]]
    return words


def _run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    if options.command == "completion":
        import shtab

        print(shtab.complete(parser, options.shell))
        return 0
    module = importlib.import_module(f"lit_curriculum.cli.{_MODULES.get(options.command, options.command)}")
    return int(getattr(module, options.command)(options))


def console() -> None:
    """Console script."""
    write_any_letter()
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, `head` for one, has seen enough; what is still buffered must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 128 + signal.SIGPIPE
    sys.exit(code)
