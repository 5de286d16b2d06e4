"""What every figure is made of: runs and their results, claims and their rules, panels."""
