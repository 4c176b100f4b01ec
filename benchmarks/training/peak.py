"""The rate of one large product: what the machine gives at this moment."""

import torch

from benchmarks.training.shapes import PROBE_SIZE

torch.set_num_threads(1)


class Peak:
    """Two square matrices."""

    draws_itself = True

    def __init__(self, problem, device="cpu"):
        generator = torch.Generator().manual_seed(0)
        drawn = (torch.rand(PROBE_SIZE, PROBE_SIZE, generator=generator) for _ in range(2))
        self.left, self.right = (each.to(device) for each in drawn)
        self.out = torch.empty(PROBE_SIZE, PROBE_SIZE, device=device)

    def advance(self, steps, batches):
        """Multiply so many times."""
        for _ in range(steps):
            torch.mm(self.left, self.right, out=self.out)

    def weights(self):
        """Return the last product, as one row."""
        return self.out.cpu().numpy().reshape(1, -1)
