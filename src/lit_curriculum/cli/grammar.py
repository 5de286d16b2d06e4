"""``lit sample``: strings of a grammar, with their trees if asked for."""

from __future__ import annotations

import argparse

from lit_curriculum.errors import bad_value

MOST = 2**53
AT_ONCE = 100


def sample(options: argparse.Namespace) -> int:
    """Print strings, one a line; with ``--tree`` each string's tree, a node a line, below it.

    Raises:
        UsageError: for an unknown grammar, root, count or seed.
    """
    if not 1 <= options.count <= MOST:
        raise bad_value("--count", options.count, f"an integer of at least 1, at most {MOST}")
    from lit_curriculum.tasks.pcfg import Sampler, format_string, format_tree, load_grammar

    grammar = load_grammar(options.grammar, options.roots, "--roots")
    sampler = Sampler(grammar)
    for start in range(0, options.count, AT_ONCE):
        count = min(AT_ONCE, options.count - start)
        strings = sampler.sample(options.seed, "train", start, count, ancestry=options.tree)
        for row in range(count):
            print(format_string(grammar, strings, row))
            if options.tree:
                print(format_tree(grammar, strings, row))
                print()
    return 0
