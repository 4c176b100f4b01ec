"""What simulations with replicates share: the names of a metric with its interval, and how much is drawn at once."""

BLOCK_NUMBERS = 2**21  # of the arrays drawn at a time: 16 MB


def with_interval(name: str) -> tuple[str, str, str]:
    """Return the names of a metric and of the ends of its 95 % interval."""
    return name, f"{name}_low", f"{name}_high"


def block_of(numbers: int) -> int:
    """Return how many replicates of so many numbers are drawn at a time."""
    return max(1, BLOCK_NUMBERS // max(1, numbers))
