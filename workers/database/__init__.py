"""The rows: what is stored about experiments, written and read as values."""
