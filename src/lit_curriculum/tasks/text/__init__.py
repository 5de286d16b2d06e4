"""Real text: corpora, tokenizers, tokens on the disk, and masked windows of them.

Nothing is imported here: what tokenises needs no torch, what trains needs no tokenizer.
"""
