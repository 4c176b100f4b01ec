"""What every request of one process shares."""

import threading
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flask import current_app
from itsdangerous import URLSafeSerializer

from service.secret_key import secret_key
from service.settings import ServiceSettings
from workers.database import queries
from workers.database.session import Database

NAME = "whydeep"


@dataclass(frozen=True, kw_only=True)
class Context:
    """The settings, the one database and the limits of this process."""

    settings: ServiceSettings
    database: Database
    cursors: URLSafeSerializer
    waiters: threading.BoundedSemaphore  # requests that wait for a change of an experiment
    predictions: threading.BoundedSemaphore  # requests that wait for an inference worker

    @cached_property
    def project_id(self) -> str:
        """Return the id of the one project that auth `none` knows, made when it does not exist."""
        # At the first request, not at the start: the database may still be away then.
        with self.database.write() as session:
            return queries.ensure_project(session)

    @cached_property
    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, built when it is first asked for."""
        from service.openapi import document

        return document(current_app.extensions["flask-smorest"]["apis"][""]["ext_obj"].spec)


def make_context(settings: ServiceSettings) -> Context:
    """Return the context of a new process; nothing connects yet."""
    return Context(
        settings=settings,
        database=Database(settings.resolved_database_url),
        cursors=URLSafeSerializer(secret_key(settings), salt="cursor"),
        waiters=threading.BoundedSemaphore(settings.max_waiters),
        predictions=threading.BoundedSemaphore(settings.max_waiters),
    )


def context() -> Context:
    """Return the context of the running application."""
    found: Context = current_app.extensions[NAME]
    return found
