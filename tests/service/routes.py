"""Every route of the application, with an address that fits it."""

from collections.abc import Iterator
from dataclasses import dataclass

from flask import Flask

FITTING = {
    "experiment_id": "exp_00000000000000000000000000",
    "artifact_id": "art_00000000000000000000000000",
    "comparison_id": "cmp_00000000000000000000000000",
    "sweep_id": "swp_00000000000000000000000000",
    "name": "loss",
    "form": "svg",
    "plural": "targets",
    "code": "internal",
    "filename": "style.css",
}


@dataclass(frozen=True)
class Route:
    """One rule of the application."""

    endpoint: str
    rule: str
    path: str
    methods: frozenset[str]


def routes(app: Flask) -> Iterator[Route]:
    """Yield every route."""
    for rule in app.url_map.iter_rules():
        path = app.url_map.bind("localhost").build(rule.endpoint, {name: FITTING[name] for name in rule.arguments})
        yield Route(rule.endpoint, rule.rule, path, frozenset(rule.methods or ()))
