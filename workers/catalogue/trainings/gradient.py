"""Training by gradient descent."""

from collections.abc import Iterable
from dataclasses import dataclass

from workers.catalogue.kinds import Loss, Optimizer, Part, Schedule, Training, trainings
from workers.catalogue.optimizers.adam import Adam
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.schedules.constant import Constant

MOST_EVALUATIONS = 100_000  # of one experiment; each is a point of every curve, as is each batch loss


@dataclass(frozen=True, kw_only=True)
class EarlyStopping(Part):
    """Stop when the validation loss has not improved for a while; the best weights are kept."""

    patience: int = parameter(10, "evaluations without improvement before training stops", minimum=1, maximum=10_000)
    minimum_improvement: float = parameter(0.0, "decrease of the validation loss that counts", minimum=0.0)


@trainings.register("gradient", source="Robbins and Monro 1951, doi:10.1214/aoms/1177729586")
@dataclass(frozen=True, kw_only=True)
class Gradient(Training):
    """Minimise a loss by steps of an optimizer on minibatches.

    The minibatch stream is the concatenation of the epochs' permutations, so no batch is partial.
    The loss defaults to mse for a regression and to cross-entropy for a classification.
    """

    optimizer: Optimizer = parameter(Adam(), "update rule")
    schedule: Schedule = parameter(Constant(), "factor on the learning rate over the steps")
    loss: Loss | None = parameter(None, "what is minimised; null: the usual one of the task")
    steps: int = parameter(2000, "parameter updates", minimum=0, maximum=100_000_000)
    batch_size: int | None = parameter(64, "samples per step; null: all of them", minimum=1, maximum=1_000_000)
    evaluate_every: int = parameter(100, "steps between two evaluations", minimum=1, maximum=100_000_000)
    snapshots: int = parameter(0, "evenly spaced stages of training kept as models", minimum=0, maximum=100)
    early_stopping: EarlyStopping | None = parameter(None, "when to stop before the last step; null: never")
    record_batch_loss: bool = parameter(False, "whether the loss of each step's batch is kept, as the curve batch_loss")

    def problems(self) -> Iterable[Problem]:
        """Yield what is wrong between the fields."""
        if self.snapshots > self.steps:
            yield Problem(path=("snapshots",), detail=f"must be at most steps = {self.steps}: one step makes one stage")
        if self.evaluations > MOST_EVALUATIONS:
            least = -(-self.steps // (MOST_EVALUATIONS - 2))
            detail = f"gives {self.evaluations} evaluations of at most {MOST_EVALUATIONS}: use at least {least}"
            yield Problem(path=("evaluate_every",), code="range", detail=detail)

        if self.record_batch_loss and self.steps > MOST_EVALUATIONS:
            detail = f"keeps at most {MOST_EVALUATIONS} steps, of {self.steps}: train for fewer, or leave it out"
            yield Problem(path=("record_batch_loss",), detail=detail)

    @property
    def evaluations(self) -> int:
        """Return the number of `evaluation_steps`, without listing them."""
        return self.steps // self.evaluate_every + 1 + (self.steps % self.evaluate_every > 0)

    def evaluation_steps(self) -> list[int]:
        """Return the steps at which everything that can change a result is decided: 0, every so many, the last."""
        return sorted({*range(0, self.steps + 1, self.evaluate_every), self.steps})

    def snapshot_steps(self) -> list[int]:
        """Return the steps whose model is kept, the last step among them when there are any."""
        return sorted({round(stage * self.steps / self.snapshots) for stage in range(1, self.snapshots + 1)})
