"""The arms of a comparison of pruned networks: dense, pruned, tickets, controls, small and distilled ones."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from workers.engine import masked_training as engine
from workers.engine.masked_training import Lesson, Masks, Weights
from workers.engine.philox import Purpose, Stream

ARMS = ("dense", "pruned", "ticket", "reinitialised", "random_ticket", "small", "distilled")


@dataclass(frozen=True, kw_only=True)
class Arms:
    """Trains all arms on one split; `keeps` are the weights left after each round of pruning."""

    sizes: tuple[int, ...]
    small_sizes: tuple[int, ...]
    keeps: tuple[int, ...]
    lesson: Lesson
    temperature: float
    seed: int

    def weights(self) -> dict[str, Weights]:
        """Return the weights that each arm ends with."""
        start, everything = self._initial("start", self.sizes), self._everything(self.sizes)
        dense = self._trained(start, everything)
        ticket, mask = self._rounds(start, dense, rewind=True)
        found = {
            "dense": dense,
            "pruned": self._rounds(start, dense, rewind=False)[0],
            "ticket": ticket,
            "reinitialised": self._trained(self._initial("other", self.sizes), mask),
            "random_ticket": self._trained(start, engine.shuffled(mask, self._stream("mask"))),
        }
        # As many steps as dense network and rounds took together.
        longer = replace(self.lesson, steps=self.lesson.steps * (1 + len(self.keeps)))
        soft = engine.softmax(engine.outputs(dense, self.lesson.inputs) / self.temperature)
        taught = replace(longer, probabilities=soft, temperature=self.temperature)
        small, all_small = self._initial("small", self.small_sizes), self._everything(self.small_sizes)
        found["small"] = engine.trained(small, all_small, longer, self.seed)
        found["distilled"] = engine.trained(small, all_small, taught, self.seed)
        return found

    def _rounds(self, start: Weights, dense: Weights, *, rewind: bool) -> tuple[Weights, Masks]:
        """Prune and train in turn, from where training ended or from the start; return weights and masks."""
        weights, masks = dense, self._everything(self.sizes)
        for keep in self.keeps:
            masks = engine.pruned(weights, masks, keep)
            weights = self._trained(start if rewind else weights, masks)
        return weights, masks

    def _trained(self, weights: Weights, masks: Masks) -> Weights:
        return engine.trained(weights, masks, self.lesson, self.seed)

    def _initial(self, name: str, sizes: tuple[int, ...]) -> Weights:
        return engine.initial(sizes, Stream(seed=self.seed, purpose=Purpose.INIT).child(name))

    def _stream(self, name: str) -> Stream:
        return Stream(seed=self.seed, purpose=Purpose.PERMUTATION).child(name)

    def _everything(self, sizes: tuple[int, ...]) -> Masks:
        return [np.ones(pair, dtype=bool) for pair in pairwise(sizes)]
