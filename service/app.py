"""The WSGI application."""

import gc

from flask import Flask

from service import guard
from service.context import NAME, make_context
from service.converters import IdConverter, id_schema
from service.json_reply import StrictProvider
from service.openapi import make_api
from service.resources import (
    artifacts,
    catalogue,
    comparisons,
    documents,
    evidence,
    experiments,
    health,
    metrics,
    models,
    sweeps,
)
from service.settings import ServiceSettings
from workers.catalogue.load import load
from workers.settings import read_settings

RESOURCES = (experiments, sweeps, comparisons, evidence, metrics, models, artifacts, catalogue, health, documents)


def create_app(settings: ServiceSettings | None = None) -> Flask:
    """Return the application; raise SettingsError or, for a component that does not import, RegistrationError."""
    if settings is None:
        settings = read_settings(ServiceSettings)
    assert settings is not None
    load(settings.components or None)
    app = Flask("service", static_folder=None)
    app.json = StrictProvider(app)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes + 1  # see StrictParser
    app.url_map.converters["id"] = IdConverter
    app.extensions[NAME] = make_context(settings)
    guard.install(app)
    api = make_api(app)
    api.register_converter(IdConverter, id_schema)
    for resource in RESOURCES:
        api.register_blueprint(resource.blueprint)
    gc.freeze()  # what is loaded now stays: without looking at it, a full collection is a hundred times shorter
    return app
