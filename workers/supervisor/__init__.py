"""The parent of a runner: claims experiments, drives the runner, writes what comes out. Never imports torch."""
