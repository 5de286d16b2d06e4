"""Progressive distillation induces an implicit curriculum."""
