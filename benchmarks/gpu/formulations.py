"""The formulations that are compared on a GPU, and the processes that hold them."""

from benchmarks.training.formulations import ONE_THREAD, Formulation

REFERENCE = "cpu-loop"  # plain torch on the CPU, which every formulation must agree with
FRAMEWORKS = {"jax": "jax"}  # formulation to the process that holds it; all others share one of torch
LOOP_STEPS = 64  # network-steps of one sample of the loop
STEPS = {"ours-eager": (256, 128), "ours-graph": (512, 128), "jax": (512, 128)}  # of one sample, mini and full batch
FULL_ROWS = 64  # networks; more of them take fewer steps of the full batch


def formulations(device):
    """Return the formulations by name, on a device."""

    def stacked(graph):
        options = {"device": device, "graph": graph}
        return Formulation(
            package="benchmarks.gpu", module="stacked", name="stacked", packages=("torch",), options=options
        )

    def plain(device):
        options = {"device": device}
        return Formulation(module="torch_loop", name="TorchLoop", packages=("torch",), options=options)

    return {
        REFERENCE: plain("cpu"),
        "torch-loop": plain(device),
        "ours-eager": stacked(False),
        "ours-graph": stacked(True),
        "jax": Formulation(module="jax_scan", name="JaxScan", packages=("jax", "optax"), compiles=True),
        "peak": Formulation(module="peak", name="Peak", packages=("torch",), options={"device": device}),
    }


COMPARED = ("torch-loop", "ours-eager", "ours-graph", "jax")


def sample_steps(name, shape, networks, scale):
    """Return the steps of one sample of so many networks."""
    if name == "torch-loop":
        return max(1, round(scale * LOOP_STEPS / networks))
    mini, full = STEPS[name]
    return max(1, round(scale * (mini if shape.batch_size else full * min(1.0, FULL_ROWS / networks))))


def environment(device):
    """Return the variables of the worker processes."""
    if device == "cpu":
        return ONE_THREAD
    # JAX as torch is set here: no product in lower precision, and no more memory than it needs.
    jax = {
        "JAX_PLATFORMS": "cuda",
        "JAX_DEFAULT_MATMUL_PRECISION": "highest",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    threads = {name: text for name, text in ONE_THREAD.items() if name.endswith("_NUM_THREADS")}
    return {**threads, **jax}
