"""Train one network by a plain torch loop; imports nothing of whydeep, so that its figures stand on their own."""

from itertools import pairwise

import numpy as np
import torch
from torch import nn


def standardised(train, *others, shared=False):
    """Return all arrays in units of the training samples' mean and standard deviation, and the two.

    `shared` takes one mean and one deviation for all columns, as fits the pixels of an image.
    """
    axis = None if shared else 0
    mean, scale = train.mean(axis=axis), train.std(axis=axis)
    scale = np.where(scale > 0, scale, 1.0)
    return [(array - mean) / scale for array in (train, *others)], mean, scale


def train_network(x, y, *, hidden, classes, steps, batch_size, learning_rate, seed):
    """Return a trained Sequential; `y` holds class numbers, or (n, 1) targets when `classes` is 0."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    sizes = [x.shape[1], *hidden, classes or 1]
    layers = [layer for fan_in, fan_out in pairwise(sizes) for layer in (nn.Linear(fan_in, fan_out), nn.ReLU())]
    model = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    loss_of = nn.CrossEntropyLoss() if classes else nn.MSELoss()
    inputs = torch.tensor(x, dtype=torch.float32)
    answers = torch.tensor(y, dtype=torch.long if classes else torch.float32)
    order = torch.empty(0, dtype=torch.long)
    for _ in range(steps):
        if len(order) < batch_size:
            order = torch.cat([order, torch.randperm(len(inputs), generator=generator)])
        batch, order = order[:batch_size], order[batch_size:]
        optimizer.zero_grad()
        loss_of(model(inputs[batch]), answers[batch]).backward()
        optimizer.step()
    return model


def accuracy(train_x, train_labels, test_x, test_labels, **settings):
    """Return the share of test images whose class the trained network names."""
    (train, test), _, _ = standardised(train_x, test_x, shared=True)
    model = train_network(train, train_labels, **settings)
    with torch.no_grad():
        named = model(torch.tensor(test, dtype=torch.float32)).argmax(dim=1).numpy()
    return float((named == test_labels).mean())


def l2_error(train_x, train_y, test_x, test_y, **settings):
    """Return the root mean square error on the test samples, in the units of the data."""
    (train, test), _, _ = standardised(train_x, test_x)
    (scaled,), mean, scale = standardised(train_y)
    model = train_network(train, scaled, classes=0, **settings)
    with torch.no_grad():
        outputs = model(torch.tensor(test, dtype=torch.float32)).numpy() * scale + mean
    return float(np.sqrt(((outputs - test_y) ** 2).sum(axis=1).mean()))
