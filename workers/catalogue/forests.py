"""Fitted trees as plain arrays, walked by numpy: no pickle of another library is ever stored."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from workers.catalogue.values import Floats, State

LEAF = -1


def grown(trees: Sequence[Any], value: "Floats") -> "State":
    """Return scikit-learn's trees as arrays over all their nodes, tree after tree.

    left, right (nodes,): index of the children, LEAF at a leaf; feature, threshold (nodes,): the split;
    value (nodes, m) as given; root (trees,): where each tree starts.
    """
    import numpy as np

    sizes = [tree.node_count for tree in trees]
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)[: len(trees)]

    def joined(name: str, shift: bool = False) -> Any:
        parts = [np.asarray(getattr(tree, name)) for tree in trees]
        if shift:
            parts = [np.where(part == LEAF, LEAF, part + root) for part, root in zip(parts, roots, strict=True)]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)

    return {
        "left": joined("children_left", shift=True),
        "right": joined("children_right", shift=True),
        "feature": joined("feature"),
        "threshold": joined("threshold"),
        "value": np.asarray(value, dtype=np.float64),
        "root": roots,
    }


def leaves(state: "State", inputs: "Floats") -> "NDArray[np.int64]":
    """Return the node in which each point (n, d) ends in each tree: (n, trees)."""
    import numpy as np

    # scikit-learn compares float32 inputs with float64 thresholds, and so do we.
    points = inputs.astype(np.float32).astype(np.float64)
    node = np.broadcast_to(state["root"], (len(points), len(state["root"]))).copy()
    rows = np.arange(len(points))[:, None]
    while True:
        inner = state["left"][node] != LEAF
        if not inner.any():
            return node
        goes_left = points[rows, np.where(inner, state["feature"][node], 0)] <= state["threshold"][node]
        node = np.where(inner, np.where(goes_left, state["left"][node], state["right"][node]), node)
