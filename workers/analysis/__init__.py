"""Statistics and verdicts: pure functions of stored values, the same bytes for the same inputs."""
