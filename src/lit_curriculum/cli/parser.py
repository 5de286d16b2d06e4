"""The parser behind ``lit``: every command with its options, without anything of torch."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from lit_curriculum import __version__
from lit_curriculum.cli.words import CONFIG_HELP
from lit_curriculum.errors import UsageError

TRAINING = {
    "fit": "train a model (resumes by itself in a folder that holds the same run)",
    "validate": "evaluate on the splits of data.eval_streams: val, in many configurations test too",
    "test": "evaluate on the test split",
    "predict": "write class probabilities on the test split",
}
GROUPS = {
    "Train and evaluate": (*TRAINING, "check"),
    "Reproduce and compare": ("reproduce", "report", "sweep"),
    "Look at configurations, data and checkpoints": (
        "configs",
        "sample",
        "probe",
        "bank",
        "export",
        "tokenize",
    ),
    "Start something of your own": ("new",),
    "Other": ("migrate", "completion"),
}
COMMANDS = tuple(command for group in GROUPS.values() for command in group)
SWEEP_ACTIONS = ("run", "status", "retry", "cancel", "collect")
SCALES = ("smoke", "laptop", "paper")
ALL_SCALES = ("smoke", "quick", "laptop", "paper")


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage of all commands; lists commands in groups."""

    def format_help(self) -> str:
        """See `argparse.ArgumentParser.format_help`."""
        commands = next((a for a in self._actions if isinstance(a, argparse._SubParsersAction)), None)
        if commands is None:
            return super().format_help()
        told = {choice.dest: choice.help for choice in commands._get_subactions()}
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
        formatter.add_text(self.description)
        for title, names in GROUPS.items():
            formatter.start_section(title)
            formatter.add_arguments(
                [argparse.Action([], name, help=told[name], metavar=name) for name in names]
            )
            formatter.end_section()
        formatter.start_section("Options")
        formatter.add_arguments([a for a in self._actions if a is not commands])
        formatter.end_section()
        formatter.add_text(self.epilog)
        return formatter.format_help()

    def error(self, message: str) -> NoReturn:
        """See `argparse.ArgumentParser.error`."""
        command = self.prog.removeprefix("lit").strip()
        raise UsageError(f"{command + ': ' if command else ''}{message} (lit {command} --help)")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser behind ``lit --help`` and the shell completion."""
    parser = _Parser(
        prog="lit",
        description="Experiments on intermediate supervision: train, distil, reproduce figures.",
        epilog="lit fit --help lists every option; lit fit --model.help SparseParityMLP those of a class.",
    )
    parser.add_argument("--version", action="version", version=f"lit_curriculum {__version__}")
    parser.add_argument("--debug", action="store_true", help="show tracebacks of errors in the input")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, text in TRAINING.items():
        command = commands.add_parser(name, help=text)
        _file(command.add_argument("--config", "-c", action="append", help=CONFIG_HELP))
        command.add_argument("--run_dir", help="folder of the run (default: runs/<names of the configs>)")
        _trust(command)
    check = commands.add_parser(
        "check",
        help="resolve a configuration, verify its teachers, estimate its cost; train nothing",
        epilog="Options of lit fit may follow, e.g. --model.width=100.",
    )
    _file(check.add_argument("configs", nargs="+", metavar="CONFIG", help=CONFIG_HELP))
    _trust(check)
    reproduce = commands.add_parser("reproduce", help="reproduce a figure or table with its claims")
    reproduce.add_argument("target", nargs="*", help="names from --list, or all; they share their runs")
    reproduce.add_argument("--list", action="store_true", help="list the targets")
    of = f"one of {', '.join(ALL_SCALES)} (default laptop)"
    reproduce.add_argument("--scale", default="laptop", help=of)
    reproduce.add_argument(
        "--redraw", action="store_true", help="draw and judge again the data that --out holds, without a run"
    )
    reproduce.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="[ARM:]KEY=VALUE",
        help="change a setting of all arms that do not set it themselves, or of one arm, e.g. "
        "teacher:model.optimizer.lr=1e-3; needs an --out of its own; may be repeated",
    )
    _making(reproduce)
    _trust(reproduce)
    _add_report(commands)
    _add_sweep(commands)
    _add_configs(commands)
    _add_inspection(commands)
    _add_new(commands)
    completion = commands.add_parser("completion", help="print a completion script for your shell")
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh"))
    return parser


def figure_parser(name: str, description: str) -> argparse.ArgumentParser:
    """Return the parser of a script that makes one figure of a user's own: scale, and options as of ours."""
    parser = argparse.ArgumentParser(prog=f"{name}.py", description=description)
    parser.add_argument("scale", nargs="?", default="laptop", help=f"one of {', '.join(SCALES)}")
    parser.add_argument("--debug", action="store_true", help="show tracebacks of errors in the input")
    _making(parser)
    return parser


def _making(parser: argparse.ArgumentParser) -> None:
    """Add the options of whatever makes figures."""
    parser.add_argument("--out", default="out", help="folder for runs and figures (default out)")
    parser.add_argument(
        "--json", action="store_true", help="print JSON: claims.json, a list of several, or a dry run's costs"
    )
    parser.add_argument("--fresh", action="store_true", help="do not reuse finished runs")
    parser.add_argument("--seeds", type=int, help="report as many seeds instead of the figure's own")
    parser.add_argument(
        "--dry-run", action="store_true", help="say how many runs, how long and how much disk; train nothing"
    )
    _launching(parser)


def _add_report(commands: Any) -> None:
    report = commands.add_parser("report", help="show on one page what has been reproduced, and how well")
    of = "folder of results of lit reproduce, itself or up to two levels below (default results)"
    _file(report.add_argument("--results", metavar="FOLDER", default="results", help=of))
    out = "file to write; .html, .md or .csv says the format (default report.html)"
    _file(report.add_argument("--out", metavar="FILE", help=out))
    report.add_argument("--format", help="html, markdown or csv, whatever the file is called")
    update = "instead renew what this Markdown file has between <!-- lit report: table --> and <!-- end -->"
    _file(report.add_argument("--update", metavar="FILE", help=update))


def _add_sweep(commands: Any) -> None:
    sweep = commands.add_parser(
        "sweep",
        help="train the runs of a sweep file, here or on a cluster; tell how far they are",
        epilog="status, retry, cancel and collect follow the FILE, e.g. lit sweep FILE status.",
    )
    _file(sweep.add_argument("file", metavar="FILE", help="a file of yours, or e.g. sweeps/subtask_table1"))
    sweep.add_argument(
        "action",
        nargs="?",
        default="run",
        metavar="ACTION",
        help="run (default); status: the state of every run; retry: train those that failed or stopped; "
        "cancel: take their jobs out of a cluster's queue; collect: only write the table of what is finished",
    )
    sweep.add_argument("--index", type=int, help="train this run alone, e.g. $SLURM_ARRAY_TASK_ID")
    sweep.add_argument(
        "--over",
        action="append",
        default=[],
        metavar="KEY",
        help="collect: mean and spread over this setting, e.g. seed for all seeds; may be repeated",
    )
    sweep.add_argument("--out", default="out", help="folder for runs and table (default out)")
    sweep.add_argument("--json", action="store_true", help="print JSON instead of a table")
    _launching(sweep)
    sweep.add_argument("--wait", action="store_true", help="with slurm: stay until all runs have ended")
    _trust(sweep)


def _add_configs(commands: Any) -> None:
    configs = commands.add_parser("configs", help="list, print or copy the shipped configurations")
    configs.add_argument("names", nargs="*", metavar="NAME", help="print these (default: list all)")
    _file(configs.add_argument("--copy", metavar="DIR", help="copy them into this folder, for editing"))


def _add_new(commands: Any) -> None:
    new = commands.add_parser("new", help="write an experiment or a figure that runs, to be edited")
    new.add_argument("kind", metavar="KIND", help="experiment or figure")
    new.add_argument("name", metavar="NAME", help="in small letters, e.g. majority")
    _file(new.add_argument("--out", metavar="DIR", default=".", help="folder for the files (default .)"))


def _launching(command: argparse.ArgumentParser) -> None:
    command.add_argument("--launcher", help="local (default): processes here; slurm: jobs of a cluster")
    command.add_argument("--jobs", type=int, help="local: runs side by side (default: one a core, or a GPU)")
    command.add_argument("--devices-per-run", type=int, help="local: GPUs or processes of a run (default 1)")
    profile = "slurm: YAML file of what a job asks for (docs/cluster.md)"
    _file(command.add_argument("--profile", metavar="FILE", help=profile))
    command.add_argument("--partition", help="slurm: partition of the jobs")
    command.add_argument("--time", metavar="H:MM:SS", help="slurm: of one job; longer runs take several")
    command.add_argument("--gpus-per-run", type=int, help="slurm: GPUs of a run, all on one machine")
    command.add_argument("--constraint", help="slurm: features of the machines")


def _trust(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="MODULE",
        help="let configurations name classes of this module; may be repeated (docs/own_classes.md)",
    )


def _add_inspection(commands: Any) -> None:
    """Add the commands that look at grammars and at what a run harvested."""
    probe = commands.add_parser("probe", help="measure every checkpoint of a run; which one should teach?")
    _file(probe.add_argument("bank", metavar="RUN_OR_BANK", help="folder of a run, or of its bank"))
    probe.add_argument("--ngrams", type=int, nargs="+", default=[3, 5, 7, 9], help="window sizes (3 5 7 9)")
    probe.add_argument("--strings", type=int, default=64, help="strings measured (default 64)")
    probe.add_argument("--positions", type=int, default=8, help="positions in each string (default 8)")
    probe.add_argument("--nonterminals", action="store_true", help="also train a probe for non-terminals")
    probe.add_argument(
        "--nonterminal-strings", type=int, default=51_200, help="strings that probe trains on (default 51200)"
    )
    probe.add_argument("--seed", type=int, default=0, help="seed of the strings (default 0)")
    probe.add_argument("--device", default="cpu", help="where the models run, e.g. cuda (default cpu)")
    _file(probe.add_argument("--out", metavar="FILE", help="write the numbers as CSV"))
    probe.add_argument("--json", action="store_true", help="print JSON instead of a table")
    sample = commands.add_parser("sample", help="print strings of a grammar")
    _file(sample.add_argument("grammar", help="a shipped grammar's name, or a file"))
    sample.add_argument("--roots", type=int, nargs="+", help="start from these symbols instead")
    sample.add_argument("--count", type=int, default=1, help="how many (default 1)")
    sample.add_argument("--seed", type=int, default=0, help="data seed (default 0)")
    sample.add_argument("--tree", action="store_true", help="with each string's tree")
    export = commands.add_parser("export", help="write a checkpoint for transformers' from_pretrained")
    _file(export.add_argument("bank", metavar="RUN_OR_BANK", help="folder of a run, or of its bank"))
    export.add_argument("step", type=int, metavar="STEP", help="which checkpoint")
    _file(export.add_argument("folder", metavar="DIR", help="new folder"))
    bank = commands.add_parser("bank", help="list, verify, import or export a bank of checkpoints")
    bank.add_argument("action", metavar="ACTION", help="list, verify, import or export")
    place = "run or bank; for import a folder with checkpoint-STEP folders, or a repository of the Hub"
    _file(bank.add_argument("place", metavar="PLACE", help=place))
    bank.add_argument("--revisions", nargs="+", metavar="NAME", help="import: of the Hub, e.g. step1000")
    _file(bank.add_argument("--out", metavar="DIR", help="import: the bank; export: folders checkpoint-STEP"))
    bank.add_argument("--all", action="store_true", help="export: every checkpoint")
    bank.add_argument("--steps", type=int, nargs="+", metavar="STEP", help="export: these checkpoints")
    bank.add_argument("--json", action="store_true", help="list: print JSON instead of a table")
    migrate = commands.add_parser("migrate", help="give a run or bank of version 0.1 its digests")
    _file(migrate.add_argument("folder", metavar="RUN_OR_BANK", help="folder of a run, or of its bank"))
    _add_tokenize(commands)


def _add_tokenize(commands: Any) -> None:
    tokenize = commands.add_parser("tokenize", help="tokenise text for natural_language; goes on if killed")
    source = "file or folder of .txt, .jsonl, .json, .parquet, .arrow, or hf:NAME:CONFIG"
    _file(tokenize.add_argument("source", metavar="SOURCE", help=source))
    _file(tokenize.add_argument("--out", required=True, metavar="FOLDER", help="new folder for the tokens"))
    tokenize.add_argument("--field", default="text", help="field or column that is the text (default text)")
    tokenize.add_argument("--vocab-size", type=int, default=8000, help="ids of a trained one (default 8000)")
    kept = "use this one: a folder with tokenizer.json, or such a file"
    _file(tokenize.add_argument("--tokenizer", metavar="FOLDER", help=kept))


def _file(action: argparse.Action) -> None:
    """Let the shell complete file names for an argument."""
    action.complete = {"bash": "_shtab_compgen_files", "zsh": "_files", "tcsh": "f"}  # type: ignore[attr-defined]
