"""Saved models: plain torch reads them, the same model gives the same bytes, and nothing else is accepted."""

from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load as load_tensors

from tests.engine.populations import alone, content, curve, spec
from tests.engine.test_population import decode_
from workers.catalogue.problems import InvalidError
from workers.engine.models import Model, load_model, read_model, save_model


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_plain_torch_reproduces_the_reported_error(dtype: str) -> None:
    """Only torch and safetensors between the file and the error; catches transposed weights and a lost scaling."""
    found = alone(spec(1, data={"standardise": True}, dtype=dtype, training={"steps": 200}))
    tensors = load_tensors(content(found, "model.safetensors"))
    layers = [torch.nn.Linear(1, 17), torch.nn.Linear(17, 17), torch.nn.Linear(17, 1)]
    state = {name: tensor for name, tensor in tensors.items() if name.startswith("layers.")}
    torch.nn.ModuleDict({"layers": torch.nn.ModuleList(layers).to(getattr(torch, dtype))}).load_state_dict(state)
    arrays = {name: torch.from_numpy(array) for name, array in predictions(found).items()}
    hidden = ((arrays["test_inputs"] - tensors["input_mean"]) / tensors["input_scale"]).to(layers[0].weight.dtype)
    with torch.no_grad():
        for layer in layers[:-1]:
            hidden = torch.tanh(layer(hidden))
        outputs = layers[-1](hidden).double() * tensors["output_scale"] + tensors["output_mean"]
    error = float((outputs - arrays["test_truth"]).square().sum(dim=1).mean().sqrt())
    assert error == pytest.approx(curve(found, "test_l2_error").values[-1], rel=1e-5)


def predictions(measurement: Any) -> dict[str, Any]:
    from io import BytesIO

    with np.load(BytesIO(content(measurement, "predictions.npz")), allow_pickle=False) as file:
        return dict(file)


ESTIMATOR = {"architecture": {"kind": "decision-tree"}, "training": {"kind": "fit"}}


@pytest.mark.parametrize("experiment", [spec(2), decode_(**ESTIMATOR)], ids=["network", "estimator"])
def test_a_loaded_model_predicts_as_it_did(experiment: Any) -> None:
    found = alone(experiment)
    arrays = predictions(found)
    predict = load_model(experiment, content(found, "model.safetensors"))
    assert np.array_equal(predict(arrays["test_inputs"]), arrays["test_outputs"])
    assert np.array_equal(predict(arrays["grid_inputs"]), arrays["grid_outputs"])
    assert arrays["grid_inputs"].shape == arrays["grid_truth"].shape == (401, 1)


def test_a_model_saved_again_has_the_same_bytes() -> None:
    """Catches metadata in the order of a hash table, and a time stamp."""
    saved = content(alone(spec(2)), "model.safetensors")
    model = read_model(saved)
    shuffled = dict(reversed(list(model.state.items())))
    assert {save_model(Model(**{**vars(model), "state": shuffled})) for _ in range(5)} == {saved}


def test_bytes_of_another_model_are_refused() -> None:
    saved = content(alone(spec(2)), "model.safetensors")
    with pytest.raises(InvalidError, match="another model, of kind 'mlp'"):
        load_model(decode_(**ESTIMATOR), saved)
    with pytest.raises(InvalidError, match="no model of ours"):
        load_model(spec(2), b"x" * 100)
    with pytest.raises(InvalidError, match="rows of 1 numbers"):
        load_model(spec(2), saved)(np.zeros((3, 2)))


def test_a_state_that_takes_a_name_of_the_scaling_is_refused() -> None:
    model = read_model(content(alone(spec(2)), "model.safetensors"))
    with pytest.raises(ValueError, match="rename the arrays input_mean"):
        save_model(Model(**{**vars(model), "state": {"input_mean": np.zeros(1)}}))


def test_a_classifier_is_scored_by_its_most_probable_class() -> None:
    """Catches accuracies of transposed classes, and a cross-entropy of probabilities taken for logits."""
    data = {"target": None, "dataset": {"kind": "wine"}}
    tree = alone(decode_(**data, **ESTIMATOR))
    assert curve(tree, "train_accuracy").values == (1.0,)
    assert curve(tree, "train_loss").values[0] == pytest.approx(0.0, abs=1e-12)
    network = alone(decode_(**data, architecture={"kind": "mlp"}, training={"kind": "gradient", "steps": 300}))
    arrays = predictions(network)
    right = arrays["test_outputs"].argmax(axis=1) == arrays["test_truth"].argmax(axis=1)
    assert curve(network, "test_accuracy").values[-1] == pytest.approx(right.mean())
    assert right.mean() > 0.9


def test_a_class_without_a_chance_costs_the_loss_what_it_costs_the_probe() -> None:
    """A pure tree errs with certainty: -ln(eps) for each such sample. Catches two floors of probability."""
    probed = {"probes": [{"kind": "classification"}]}
    tree = alone(decode_(target=None, dataset={"kind": "wine"}, **ESTIMATOR, **probed))
    wrong = 1 - curve(tree, "test_accuracy").values[-1]
    assert wrong > 0
    assert curve(tree, "test_loss").values[-1] == pytest.approx(wrong * 52 * np.log(2))
    assert curve(tree, "test_cross_entropy").values[-1] == pytest.approx(curve(tree, "test_loss").values[-1])
