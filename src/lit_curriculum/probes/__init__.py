"""What is measured: pure functions of a model and inputs."""
