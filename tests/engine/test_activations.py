"""Activations: both forms agree, and no element's bits depend on where it stands."""

import numpy as np
import pytest
import torch

from workers.engine.activations import ACTIVATIONS

NAMES = sorted(ACTIVATIONS)


def applied(name: str, z: torch.Tensor) -> torch.Tensor:
    out = torch.empty_like(z)
    ACTIVATIONS[name].apply(z, out)
    return out


@pytest.mark.parametrize("name", NAMES)
def test_both_forms_agree_with_autograd(name: str) -> None:
    """Catches a derivative of another function, and one that reads z where z was overwritten."""
    activation = ACTIVATIONS[name]
    z = torch.linspace(-4, 4, 4097, dtype=torch.float64, requires_grad=True)
    expected = activation.function(z)
    (slope,) = torch.autograd.grad(expected.sum(), z)
    with torch.no_grad():
        kept = z.detach().clone()
        out = kept if activation.from_output else torch.empty_like(kept)
        activation.apply(kept, out)
        delta = torch.full_like(out, 2.0)
        activation.backward(delta, kept, out)
    torch.testing.assert_close(out, expected.detach(), rtol=1e-14, atol=1e-15)  # a few roundings
    torch.testing.assert_close(delta, 2 * slope, rtol=1e-13, atol=1e-14)


def test_tanh_is_right_to_two_units_in_the_last_place() -> None:
    """Catches 2 sigmoid(2x) - 1, which loses all relative accuracy near 0."""
    x = np.concatenate([np.linspace(-10, 10, 100_001), np.logspace(-30, 0, 10_001)]).astype(np.float32)
    found = applied("tanh", torch.from_numpy(x)).numpy().astype(np.float64)
    exact = np.tanh(x.astype(np.float64))
    assert np.max(np.abs(found - exact) / np.spacing(np.abs(exact).astype(np.float32))) < 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NAMES)
def test_an_element_has_the_same_bits_in_every_padded_buffer(name: str, dtype: torch.dtype) -> None:
    """Catches a kernel that works in blocks which depend on the length of the whole buffer."""
    member = torch.from_numpy(np.random.default_rng(0).normal(size=192)).to(dtype)
    alone = applied(name, member)
    for slots in (2, 3, 31, 32):
        for found in applied(name, member.repeat(slots)).view(slots, 192):
            assert torch.equal(found, alone)
