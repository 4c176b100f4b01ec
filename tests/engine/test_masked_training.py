"""Training under masks: derivatives, Adam against torch's, and what a mask does."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from workers.engine.masked_training import Lesson, gradients, initial, outputs, pruned, shuffled, softmax, trained
from workers.engine.philox import Purpose, Stream, minibatch_indices
from workers.engine.pruning_arms import ARMS, Arms

SIZES = (5, 7, 6, 3)


def start(seed: int = 0, sizes: tuple[int, ...] = SIZES) -> Any:
    """Return initial weights."""
    return initial(sizes, Stream(seed=seed, purpose=Purpose.INIT))


def everything(sizes: tuple[int, ...] = SIZES) -> Any:
    """Return masks that allow all weights."""
    return [np.ones(pair, dtype=bool) for pair in pairwise(sizes)]


def lesson(**fields: Any) -> Lesson:
    """Return 40 samples of three classes."""
    generator = np.random.default_rng(0)
    given = {"steps": 25, "batch_size": 8, "learning_rate": 0.01} | fields
    return Lesson(
        inputs=generator.normal(size=(40, 5)), probabilities=np.eye(3)[generator.integers(3, size=40)], **given
    )


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_gradients_are_those_of_autograd(temperature: float) -> None:
    """Times temperature**2. Mutations: one factor of it; the derivative of relu at the units above."""
    given, weights = lesson(), start()
    found = gradients(weights, given.inputs, given.probabilities, temperature)
    theirs = [torch.from_numpy(weight).requires_grad_() for weight in weights]
    hidden = torch.from_numpy(given.inputs)
    for index, weight in enumerate(theirs):
        hidden = hidden @ weight[:-1] + weight[-1]
        hidden = hidden if index == 2 else functional.relu(hidden)
    loss = functional.cross_entropy(hidden / temperature, torch.from_numpy(given.probabilities)) * temperature**2
    loss.backward()  # type: ignore[no-untyped-call]
    for ours, weight in zip(found, theirs, strict=True):
        assert weight.grad is not None and ours == pytest.approx(weight.grad.numpy(), abs=1e-13)


def test_training_without_masks_is_adam_as_in_torch() -> None:
    """25 steps on the same batches: rounding. Mutations: no bias correction; epsilon under the root."""
    given = lesson()
    found = trained(start(), everything(), given, seed=4)
    theirs = [torch.from_numpy(weight.copy()).requires_grad_() for weight in start()]
    optimizer = torch.optim.Adam(theirs, lr=0.01)
    for rows in minibatch_indices(Stream(seed=4, purpose=Purpose.ORDER), 40, 8, 0, 25):
        slopes = gradients([w.detach().numpy() for w in theirs], given.inputs[rows], given.probabilities[rows])
        for weight, slope in zip(theirs, slopes, strict=True):
            weight.grad = torch.from_numpy(slope)
        optimizer.step()
    for ours, weight in zip(found, theirs, strict=True):
        assert ours == pytest.approx(weight.detach().numpy(), abs=1e-10)


def test_a_network_without_a_unit_trains_like_one_that_has_it_masked() -> None:
    """Unit 3 of the first layer masked, and removed. Mutations: masked weights that move; biases masked too."""
    weights, masks = start(), everything()
    masks[0][:, 3] = masks[1][3] = False
    found = trained(weights, masks, lesson(), seed=0)
    assert not found[0][:-1, 3].any() and not found[1][3].any()
    rest = [index for index in range(7) if index != 3]
    smaller = [weights[0][:, rest], weights[1][[*rest, 7]], weights[2]]
    other = trained(smaller, everything((5, 6, 6, 3)), lesson(), seed=0)
    x = lesson().inputs
    assert outputs(found, x) == pytest.approx(outputs(other, x), abs=1e-12)


def test_masked_weights_stay_zero_while_the_others_move() -> None:
    """Scattered over units that are in use. Mutation: gradients that pass the mask."""
    masks = [np.random.default_rng(1).random(mask.shape) < 0.5 for mask in everything()]
    found = trained(start(), masks, lesson(), seed=0)
    for weight, mask, first in zip(found, masks, start(), strict=True):
        assert not weight[:-1][~mask].any()
        assert (weight[:-1][mask] != first[:-1][mask]).mean() > 0.5  # those of a unit without a way out stay


def test_the_smallest_weights_of_the_whole_network_go_first() -> None:
    """Biases do not count; what is gone stays gone. Mutations: per layer; the smallest stay."""
    weights = [np.array([[3.0, -0.1], [0.2, -4.0], [9.0, 9.0]]), np.array([[0.3], [-5.0], [9.0]])]
    masks: Any = [np.array([[True, True], [True, False]]), np.array([[True], [True]])]
    found = pruned(weights, masks, 3)
    assert [mask.tolist() for mask in found] == [[[True, False], [False, False]], [[True], [True]]]
    assert sum(mask.sum() for mask in pruned(weights, masks, 6)) == 5
    moved = shuffled(found, Stream(seed=1, purpose=Purpose.PERMUTATION))
    assert [mask.sum() for mask in moved] == [1, 2]


def arms(**fields: Any) -> Any:
    """Return the arms' weights; 92 weights of which 40, then 20 stay."""
    given = {"sizes": SIZES, "small_sizes": (5, 2, 2, 3), "keeps": (40, 20), "temperature": 2.0, "seed": 0}
    return Arms(**given | {"lesson": lesson()} | fields).weights()


def test_every_arm_starts_where_it_should() -> None:
    """Without a step each is its start under its mask. Mutations: rewind pruned; the ticket's mask for all."""
    found, first = arms(lesson=lesson(steps=0)), arms(lesson=lesson(steps=0), seed=1)
    assert set(found) == set(ARMS)
    places = {arm: [weight[:-1] != 0 for weight in weights] for arm, weights in found.items()}
    for arm in ("pruned", "ticket", "reinitialised", "random_ticket"):
        assert sum(place.sum() for place in places[arm]) == 20
    for index, dense in enumerate(found["dense"]):
        assert np.array_equal(dense[:-1] * places["ticket"][index], found["ticket"][index][:-1])
        assert np.array_equal(dense[:-1] * places["random_ticket"][index], found["random_ticket"][index][:-1])
        assert np.array_equal(places["reinitialised"][index], places["ticket"][index])
        assert places["random_ticket"][index].sum() == places["ticket"][index].sum()
        assert not np.array_equal(dense, first["dense"][index])
    assert any(not np.array_equal(a, b) for a, b in zip(places["ticket"], places["random_ticket"], strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(found["ticket"], found["reinitialised"], strict=True))


def test_a_ticket_is_trained_from_its_start_and_the_pruned_network_goes_on() -> None:
    """One round: both masks come from the dense network. Mutation: rewind to the dense weights."""
    found, dense = arms(keeps=(20,)), trained(start_of_arms(), everything(), lesson(), seed=0)
    mask = pruned(dense, everything(), 20)
    for arm, origin in (("pruned", dense), ("ticket", start_of_arms())):
        expected = trained(origin, mask, lesson(), seed=0)
        assert all(np.array_equal(a, b) for a, b in zip(found[arm], expected, strict=True))


def start_of_arms() -> Any:
    """Return the weights that the arms of seed 0 start from."""
    return initial(SIZES, Stream(seed=0, purpose=Purpose.INIT).child("start"))


def test_a_distilled_network_comes_nearer_to_its_teacher() -> None:
    """Mean squared distance of probabilities. Mutation: teach the labels."""
    found, x = arms(lesson=lesson(steps=300)), lesson().inputs
    teacher = softmax(outputs(found["dense"], x) / 2)
    distance = {
        arm: float(np.mean((softmax(outputs(found[arm], x) / 2) - teacher) ** 2)) for arm in ("small", "distilled")
    }
    assert distance["distilled"] < distance["small"]
