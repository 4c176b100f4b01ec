"""The training benchmark on a GPU; `python -m benchmarks.gpu --help` says how to run it."""
