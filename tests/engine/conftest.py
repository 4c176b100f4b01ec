"""The engine's tests run as its processes do: one thread, deterministic, with every component registered."""

import pytest
import torch

from tests.engine import recordings
from workers.catalogue.load import load
from workers.engine.numerics import prepare_process

load()
prepare_process()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what needs a CUDA device where there is none: it is not skipped, it is not there."""
    if torch.cuda.is_available():
        return
    needing = [item for item in items if item.get_closest_marker("gpu")]
    if needing:
        config.hook.pytest_deselected(items=needing)
        items[:] = [item for item in items if item not in needing]


@pytest.fixture
def graphs_on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA graphs on the CPU: operations of torch, recorded and repeated."""
    recordings.install(monkeypatch)
