"""The engine's tests run as its processes do: one thread, deterministic, with every component registered."""

from workers.catalogue.load import load
from workers.engine.numerics import prepare_process

load()
prepare_process()
