"""``lit sample``: strings of a grammar, with their trees if asked for."""

from __future__ import annotations

import argparse

from lit_curriculum.errors import bad_value


def sample(options: argparse.Namespace) -> int:
    """Print strings, one a line; with ``--tree`` each string's tree, a node a line, below it.

    Raises:
        UsageError: for an unknown grammar, root, count or seed.
    """
    if options.count < 1:
        raise bad_value("--count", options.count, "an integer of at least 1")
    from lit_curriculum.tasks.pcfg import Sampler, format_string, format_tree, load_grammar

    grammar = load_grammar(options.grammar, options.roots)
    strings = Sampler(grammar).sample(options.seed, "train", 0, options.count, ancestry=options.tree)
    for row in range(options.count):
        print(format_string(grammar, strings, row))
        if options.tree:
            print(format_tree(grammar, strings, row))
            print()
    return 0
