"""The group convolutional network: its parameters, and the identity that it is built for."""

from typing import Any

import numpy as np
import pytest
import torch

from workers.catalogue.kinds import Architecture
from workers.engine.convolution import GridModule
from workers.engine.loop import load_state
from workers.experiments.codec import decode_component


def group_cnn(**fields: Any) -> Any:
    """Return a group convolutional network from its JSON."""
    return decode_component(Architecture, {"kind": "group-cnn", **fields})


def module_of(network: Any, inputs: int, outputs: int) -> GridModule:
    """Return the module in its initial state, float64."""
    module = network.module(inputs, outputs).double()
    load_state(module, network.initial_state(inputs, outputs, 0))
    assert isinstance(module, GridModule)
    return module


@pytest.mark.parametrize(("group", "order"), [("p4", 4), ("p4m", 8)])
def test_parameters_and_multiplications_are_counted_by_hand(group: str, order: int) -> None:
    """The first kernels have no orientations; every kernel works in all of them. Mutation: count them all alike."""
    network = group_cnn(group=group, channels=[3, 5], input_channels=2)
    first, second = 3 * 2 * 9, 5 * 3 * order * 9
    assert network.parameter_count(128, 10) == first + 3 + second + 5 + 10 * 5 + 10
    assert network.multiplications_per_sample(128, 10) == 64 * order * (first + second) + 10 * 5
    shapes = {name: array.shape for name, array in network.initial_state(128, 10, 0).items()}
    assert shapes["layers.0.weight"] == (3, 2, 3, 3) and shapes["layers.1.weight"] == (5, 3, order, 3, 3)


def test_half_the_channels_of_p4_have_the_parameters_of_a_plain_layer() -> None:
    """Channels divided by the root of the order. Mutation: kernels without orientations."""
    plain = decode_component(Architecture, {"kind": "cnn", "channels": 16, "bias": False})
    ours = group_cnn(channels=8, bias=False)
    shapes = [network.initial_state(64, 1, 0)["layers.1.weight"].size for network in (plain, ours)]
    assert shapes[0] == shapes[1] == 16 * 16 * 9


def test_a_layer_draws_its_weights_for_all_the_numbers_it_reads() -> None:
    """fan_in 16 * 4 * 9 of 23,040 numbers: 4 deviations of their variance. Mutation: leave out the orientations."""
    weight = group_cnn(channels=[16, 40], initialisation={"scheme": "he"}).initial_state(64, 1, 0)["layers.1.weight"]
    assert weight.var() == pytest.approx(2 / (16 * 4 * 9), rel=4 * (2 / weight.size) ** 0.5)


@pytest.mark.parametrize("group", ["p4", "p4m"])
@pytest.mark.parametrize("padding", ["circular", "zero", "reflect", "none"])
@pytest.mark.parametrize("size", [8, 9])
def test_the_average_is_invariant_and_the_map_turns_with_its_input(group: str, padding: str, size: int) -> None:
    """Turned and mirrored by numpy. Mutation: the mean over positions alone, of the first orientation."""
    fields = {"group": group, "padding": padding, "channels": 3, "activation": "tanh"}
    average = module_of(group_cnn(**fields), size**2, 4)
    places = size if padding != "none" else size - 4
    picture = module_of(group_cnn(head="map", **fields), size**2, places**2)
    x = np.random.default_rng(0).normal(size=(5, size, size))
    for turns in (1, 2, 3):
        for mirrored in (False, True) if group == "p4m" else (False,):

            def act(images: Any, turns: int = turns, mirrored: bool = mirrored) -> Any:
                return np.rot90(images[..., ::-1] if mirrored else images, turns, axes=(-2, -1))

            still, found = (average(torch.from_numpy(each.reshape(5, -1).copy())) for each in (x, act(x)))
            assert (found - still).abs().max() < 1e-14  # outputs of order 0.1, sums of 3 * 8 * 9 products
            still, found = (picture(torch.from_numpy(each.reshape(5, -1).copy())) for each in (x, act(x)))
            expected = act(still.detach().numpy().reshape(5, places, places))
            assert np.abs(found.detach().numpy().reshape(expected.shape) - expected).max() < 1e-14
