"""One file a figure or table: its runs, its plot, its claims."""
