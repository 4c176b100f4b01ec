"""Whether the bits of a network depend on the run, on its place, on the graph; and how far on the number of slots."""

from benchmarks.training.bitwise import SEED, specs_alone
from benchmarks.training.speed import largest_difference

FEW = 2


def bits(shapes, pool, steps, most):
    """Yield a record per shape and precision; `most` is the larger number of slots.

    What must be equal is a boolean, what may differ is relative to the network's largest number.
    """
    for shape, dtype in shapes:

        def run(slots, place, graph=True, shape=shape, dtype=dtype):
            seeds = [SEED if index == place else index for index in range(max(FEW, place + 1))]
            problem = specs_alone(shape, seeds, dtype)
            return pool.inside("stacked", "weights_of", problem, steps, slots, place, graph)

        few, many = run(FEW, 0), run(most, 0)
        yield {
            "record": "bits",
            "shape": shape.name,
            "dtype": dtype,
            "steps": steps,
            "slots": [FEW, most],
            "rerun_equal": _equal(run(FEW, 0), few) and _equal(run(most, 0), many),
            "places_equal": _equal(run(FEW, 1), few) and _equal(run(most, most - 1), many),
            "graph_to_eager": [_apart(few, run(FEW, 0, False)), _apart(many, run(most, 0, False))],
            "between_slot_counts": _apart(many, few),
        }


def _equal(one, other):
    return one.tobytes() == other.tobytes()


def _apart(one, other):
    return largest_difference(one[None], other[None])
