"""What every experiment is trained by: base module and data module, engines, optimizers, held-out means."""
