"""Goal T7: the bits of a network's weights do not depend on the networks that it is trained with."""

from benchmarks.training.problem import problem, spec

SEED = 1000


def bitwise(shapes, process, steps):
    """Yield a record per shape and precision: whether every company, place and repetition gave the same bits."""
    for shape in shapes:
        for dtype in ("float32", "float64"):
            found = {}
            for networks, place in _places():
                seeds = [SEED if index == place else index for index in range(networks)]
                digests = process.call("digests", specs_alone(shape, seeds, dtype), steps)
                found[f"K={networks}, place {place}"] = digests[place]
            again = process.call("digests", specs_alone(shape, seeds, dtype), steps)
            yield {
                "record": "bitwise",
                "formulation": process.name,
                "shape": shape.name,
                "dtype": dtype,
                "steps": steps,
                "digests": found,
                "companies_equal": len(set(found.values())) == 1,
                "rerun_equal": again == digests,
            }


def _places():
    """Return K and the place of the network among them: first and last of two, the middle of seven, late in 32."""
    return [(2, 0), (2, 1), (7, 3), (32, 29)]


def specs_alone(shape, seeds, dtype):
    """Return a problem of which the engine reads the specs alone."""
    drawn = problem(shape, 1)
    return type(drawn)(**{**vars(drawn), "specs": [spec(shape, seed, steps=1, dtype=dtype) for seed in seeds]})
