"""Models without training by gradients: fitted, constructed, initialised, or another experiment's."""

from workers.catalogue.kinds import Estimator, Network
from workers.catalogue.problems import InvalidError, Problem
from workers.catalogue.values import Samples
from workers.engine.conclusion import Conclusion
from workers.engine.evaluation import evaluate
from workers.engine.material import DTYPES, Material, draw, prepare
from workers.engine.models import Model, model_with, read_model
from workers.engine.numerics import torch_device
from workers.engine.reports import Job
from workers.experiments.shape import device_of
from workers.experiments.spec import Approximation


def fitted(spec: Approximation) -> Conclusion:
    """Fit the estimator of the spec to its training samples."""
    split = draw(spec)
    material = prepare(split, split.scaling, DTYPES["float64"], torch_device("cpu"))
    estimator = spec.architecture
    assert isinstance(estimator, Estimator)
    state = estimator.fit(_scaled(material), split.task, spec.seed_of("init"))
    return _evaluated(spec, material, model_with(state, spec, material))


def measured(spec: Approximation) -> Conclusion:
    """Take the network of the spec as it starts."""
    split = draw(spec)
    material = prepare(split, split.scaling, DTYPES[spec.dtype], torch_device(device_of(spec)))
    network = spec.architecture
    assert isinstance(network, Network)
    state = network.initial_state(spec.sizes.inputs, spec.sizes.outputs, spec.seed_of("init"))
    rounded = {name: array.astype(spec.dtype) if array.dtype.kind == "f" else array for name, array in state.items()}
    return _evaluated(spec, material, model_with(rounded, spec, material))


def measured_again(job: Job) -> Conclusion:
    """Take the model of another experiment, with its own scaling, on the data of this spec."""
    spec = job.spec
    assert isinstance(spec, Approximation)
    if job.source is None:
        detail = f"the model of {spec.model_of} is not there: the experiment must have succeeded and kept it"
        raise InvalidError([Problem(path=("model_of",), detail=detail)])
    model = read_model(job.source[1])
    _refuse_misfits(spec, model)
    material = prepare(draw(spec), model.scaling, DTYPES[model.dtype], torch_device(device_of(spec)))
    return _evaluated(spec, material, model)


def _refuse_misfits(spec: Approximation, model: Model) -> None:
    """Raise InvalidError where data or probes do not suit the model; the spec alone could not know."""
    sizes, problems = spec.sizes, []
    if (sizes.inputs, sizes.outputs) != (model.inputs, model.outputs):
        detail = (
            f"the model of {spec.model_of} maps {model.inputs} inputs to {model.outputs} outputs; "
            f"the data have {sizes.inputs} and {sizes.outputs}"
        )
        problems.append(Problem(path=("dataset",), detail=detail))
    elif spec.dataset.task is not model.task:
        problems.append(Problem(path=("dataset",), detail=f"the model of {spec.model_of} is for a {model.task}"))
    problems += spec.problems_of_probes(model.architecture)
    if problems:
        raise InvalidError(problems)


def _scaled(material: Material) -> Samples:
    train = material.parts["train"]
    return Samples(inputs=train.inputs.cpu().numpy(), outputs=train.exact.cpu().numpy())


def _evaluated(spec: Approximation, material: Material, model: Model) -> Conclusion:
    values = evaluate(material, model.scaled(), spec.loss, model.architecture)
    curves = {name: ([0], [value]) for name, value in values.items()}
    return Conclusion(spec=spec, model=model, material=material, curves=curves)
