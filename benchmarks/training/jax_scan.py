"""All networks by JAX: one compiled scan over steps of vmap over grad, with optax's Adam."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.training.shapes import LEARNING_RATE, flat

jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
ACTIVATIONS = {"tanh": jnp.tanh, "relu": jax.nn.relu}


class JaxScan:
    """One stack of K networks; a number of steps that was not seen before is compiled."""

    draws_itself = False

    def __init__(self, problem):
        self._double = problem.inputs.dtype == np.float64  # JAX has no float64 unless asked
        with jax.enable_x64(self._double):
            self._start(problem)

    def _start(self, problem):
        self.data = jnp.asarray(problem.inputs), jnp.asarray(problem.targets)
        layers = [(jnp.asarray(weight.swapaxes(1, 2)), jnp.asarray(bias)) for weight, bias in problem.layers]
        optimizer = optax.adam(LEARNING_RATE, eps=problem.epsilon)
        self.state = layers, optimizer.init(layers)
        self.run = jax.jit(partial(_run, optimizer, ACTIVATIONS[problem.shape.activation]), **COMPILE)

    def advance(self, steps, batches):
        """Train all networks for so many steps."""
        orders = None if batches is None else batches.astype(np.int32)
        with jax.enable_x64(self._double):
            self.state = jax.block_until_ready(self.run(self.state, *self.data, orders, steps=steps))

    def weights(self):
        """Return the numbers of each network (K, p)."""
        return flat([(np.asarray(weight).swapaxes(1, 2), np.asarray(bias)) for weight, bias in self.state[0]])


COMPILE = {"static_argnames": "steps", "donate_argnums": 0}


def _run(optimizer, activation, state, x, y, orders, *, steps):
    """Return the state after so many steps; `orders` (steps, K, rows) or None for all samples."""

    def loss(layers, inputs, targets):
        for weight, bias in layers[:-1]:
            inputs = activation(inputs @ weight + bias)
        weight, bias = layers[-1]
        return jnp.mean((inputs @ weight + bias - targets) ** 2)

    gradients = jax.vmap(jax.grad(loss))
    gather = jax.vmap(lambda samples, order: samples[order])

    def step(state, order):
        layers, memory = state
        inputs, targets = (x, y) if order is None else (gather(x, order), gather(y, order))
        updates, memory = optimizer.update(gradients(layers, inputs, targets), memory)
        return (optax.apply_updates(layers, updates), memory), None

    state, _ = jax.lax.scan(step, state, orders, length=steps)
    return state
