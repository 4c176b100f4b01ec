"""What a user of scikit-learn writes: one MLPRegressor after the other."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from threadpoolctl import threadpool_limits

from benchmarks.training.shapes import LEARNING_RATE, SAMPLES, flat

warnings.simplefilter("ignore", ConvergenceWarning)
threadpool_limits(1)


class SklearnFit:
    """K regressors that go on where their last fit ended."""

    draws_itself = True

    def __init__(self, problem):
        self.inputs, self.targets = problem.inputs, problem.targets[:, :, 0]
        self.batch_size = problem.shape.rows
        self.models = [
            MLPRegressor(
                hidden_layer_sizes=problem.shape.sizes[1:-1],
                activation=problem.shape.activation,
                learning_rate_init=LEARNING_RATE,
                batch_size=self.batch_size,
                alpha=0.0,
                tol=0.0,
                n_iter_no_change=10**9,
                epsilon=problem.epsilon,
                max_iter=1,
                warm_start=True,
            )
            for _ in range(problem.networks)
        ]
        for index, model in enumerate(self.models):
            model.fit(self.inputs[index], self.targets[index])  # only a fit makes the attributes
            model.coefs_ = [weight[index].T.copy() for weight, _ in problem.layers]
            model.intercepts_ = [bias[index].copy() for _, bias in problem.layers]

    def advance(self, steps, batches):
        """Train every network for so many steps, whole epochs, of at most one epoch if the batches are given."""
        epochs = steps * self.batch_size // SAMPLES
        assert epochs * SAMPLES == steps * self.batch_size
        assert batches is None or epochs == 1
        for index, model in enumerate(self.models):
            x, y = self.inputs[index], self.targets[index]
            if batches is not None:
                order = batches[:steps, index].ravel()
                x, y = x[order], y[order]
            model.set_params(max_iter=epochs, shuffle=batches is None and self.batch_size < SAMPLES)
            model.fit(x, y)

    def weights(self):
        """Return the numbers of each network (K, p)."""
        places = range(len(self.models[0].coefs_))
        return flat(
            [
                (
                    np.stack([model.coefs_[place].T for model in self.models]),
                    np.stack([model.intercepts_[place] for model in self.models]),
                )
                for place in places
            ]
        )
