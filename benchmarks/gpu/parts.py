"""The parts of a run, each a stream of records."""

from benchmarks.gpu.formulations import REFERENCE, formulations, sample_steps
from benchmarks.training.bitwise import specs_alone
from benchmarks.training.problem import problem, spec
from benchmarks.training.speed import gate, rounds

GATE_NETWORKS = 8
PRODUCTS = 50  # large ones of a probe
DATA = {"train_size": 1024, "validation_size": 256, "test_size": 1024}  # of a whole job


def gates(shape, pool, names, device):
    """Yield how far each formulation is from plain torch on the CPU."""
    known = {name: pool[name] for name in (REFERENCE, *names)}
    yield from gate(shape, GATE_NETWORKS, known, names, formulations(device), REFERENCE)


def speeds(shape, pool, names, plan):
    """Yield the samples of one shape, K by K, so that what is held at a time stays small; the graph's also at most."""
    pool["peak"].call("prepare", "peak", problem(shape, 1))
    products = max(1, round(plan.scale * PRODUCTS))
    pool["peak"].call("warm_up", "peak", products)
    for networks in (*plan.networks, plan.most):
        taking = [name for name in names if _is_taken(name, networks, plan)]
        drawn, key = problem(shape, networks), f"K={networks}"
        for name in taking:
            pool[name].call("prepare", key, drawn)
        entries = [(name, networks, key, sample_steps(name, shape, networks, plan.scale)) for name in taking]
        processes = {name: pool[name] for name in ("peak", *taking)}
        if entries:
            yield from rounds(shape, entries, processes, plan.rounds, products)
        for name in taking:
            pool[name].call("forget", key)


def _is_taken(name, networks, plan):
    if networks == plan.most:
        return name == "ours-graph"
    return name != "jax" or networks in plan.compiled


def around(shape, pool, slots, steps):
    """Yield what the steps wait for, what they call, and what is done between them."""
    drawn = specs_alone(shape, range(slots), "float32")
    place = {"shape": shape.name, "slots": slots}
    yield {"record": "waits", **place, **pool.inside("stacked", "waits", drawn, slots, steps)}
    yield {"record": "around", **place, **pool.inside("stacked", "around", drawn, slots)}


def calls(shape, pool, slots, steps):
    """Yield the calls of a step, told one by one and by a graph."""
    drawn = specs_alone(shape, range(slots), "float32")
    for graph in (False, True):
        found = pool.inside("stacked", "calls", drawn, slots, steps, graph)
        yield {"record": "calls", "shape": shape.name, "slots": slots, "graph": graph, "steps": steps, **found}


def memories(shape, pool, counts, steps):
    """Yield the peak of full chunks; that of the smallest is all but what libraries take for any."""
    for slots in counts:
        drawn = specs_alone(shape, range(slots), "float32")
        found = pool.inside("stacked", "memory_of", drawn, slots, steps)
        yield {"record": "memory", "shape": shape.name, "slots": slots, **found}


def jobs(shape, pool, networks, steps):
    """Yield the seconds of a whole population, as the engine cuts it into chunks and in one chunk."""
    specs = [spec(shape, seed, steps) for seed in range(networks)]
    for each in specs:
        each["dataset"] |= DATA
        each["training"] |= {"evaluate_every": max(1, steps // 10)}
    for in_one_chunk in (False, True):
        found = pool.inside("job", "population", specs, in_one_chunk)
        yield {"record": "job", "shape": shape.name, "networks": networks, "steps": steps, **found}
