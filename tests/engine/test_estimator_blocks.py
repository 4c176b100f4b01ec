"""Estimators are asked in blocks, so that a large quadrature does not take gigabytes."""

import tracemalloc

import numpy as np

from workers.catalogue.architectures.polynomial import PolynomialLeastSquares
from workers.catalogue.values import Samples, Scaling, Task
from workers.engine.models import Model
from workers.experiments.costs import MOST_ROWS


def test_many_rows_cost_no_more_than_a_block_and_give_the_same_values() -> None:
    """Caught mutation: all rows passed at once, 2**17 rows of 201 terms, over 200 MB for one array."""
    architecture = PolynomialLeastSquares(degree=200)
    x = np.linspace(-1, 1, 400)[:, None]
    state = architecture.fit(Samples(inputs=x, outputs=np.sin(3 * x)), Task.REGRESSION, 0)
    zero, one = np.zeros(1), np.ones(1)
    scaling = Scaling(input_mean=zero, input_scale=one, output_mean=zero, output_scale=one)
    model = Model(
        architecture=architecture,
        inputs=1,
        outputs=1,
        task=Task.REGRESSION,
        dtype="float64",
        scaling=scaling,
        state=state,
    )
    rows = np.linspace(-1, 1, 2**17)[:, None]
    predict = model.predict()
    tracemalloc.start()
    try:
        found = predict(rows)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()
    last = architecture.predict(state, rows[-MOST_ROWS:])
    assert np.array_equal(found[-MOST_ROWS:], last)
    assert predict(rows[:0]).shape == (0, 1)
