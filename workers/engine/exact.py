"""A subject's network in float64, for what rounding in its own precision would hide."""

from torch import nn

from workers.catalogue.kinds import Network
from workers.catalogue.values import Subject
from workers.engine.loop import load_state


def exact_module(subject: Subject) -> nn.Module:
    """Return the module, scaled inputs (n, d) to scaled outputs (n, m), with the subject's own weights."""
    network = subject.architecture
    assert isinstance(network, Network), "the spec refuses estimators"
    module = network.module(subject.inputs, subject.outputs).double()
    load_state(module, subject.state)
    return module.eval()
