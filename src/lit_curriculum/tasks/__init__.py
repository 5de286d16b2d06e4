"""What is learned: samplers and labels, as pure functions of (seed, stream, index)."""
