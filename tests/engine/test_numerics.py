"""What a process does so that results repeat, and what it says about itself."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from workers.catalogue.problems import InvalidError
from workers.engine.numerics import NUMERICS_VERSION, fingerprint, prepare_process, torch_device

ROOT = Path(__file__).parents[2]
LOOK = """
import sys
from workers.catalogue.load import load
from workers.engine.numerics import prepare_process
from tests.engine.populations import alone, spec
prepare_process()
load()
alone(spec(probes=[{"kind": "lp-error"}]))
names = ("torch._dynamo", "torch._inductor", "scipy.stats", "flask", "celery", "sqlalchemy")
print([name for name in names if name in sys.modules])
"""


def test_a_process_computes_on_one_thread_and_deterministically() -> None:
    prepare_process()
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.get_float32_matmul_precision() == "highest"
    with pytest.raises(RuntimeError, match="deterministic"):
        torch.ones(3).put_(torch.tensor([0, 0]), torch.ones(2))


def test_the_fingerprint_is_json_and_names_what_decides() -> None:
    known = fingerprint("cpu", "written")
    assert json.loads(json.dumps(known)) == known
    assert known["numerics_version"] == NUMERICS_VERSION and known["threads"] == 1
    assert {"torch", "numpy", "scipy", "cpu", "machine", "device", "backend"} <= known.keys()


def test_a_training_loads_neither_the_compiler_nor_the_web_nor_the_database() -> None:
    """The compiler costs 2 s of every start, scipy.stats up to 2 s of the first probe.

    A GPU machine has neither flask, celery nor sqlalchemy.
    """
    done = subprocess.run([sys.executable, "-c", LOOK], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InvalidError, match="no CUDA device"):
        torch_device("cuda")
    assert torch_device("cpu").type == "cpu"
