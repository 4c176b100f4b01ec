"""The blueprint of every resource: strict arguments in, documented replies and problems out."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

import flask_smorest
from marshmallow import Schema

from service.arguments import StrictParser
from service.problems import KINDS
from service.schemas.replies import ProblemReply

View = TypeVar("View", bound=Callable[..., Any])
PROBLEM_MEDIA_TYPE = "application/problem+json"


class Resource(flask_smorest.Blueprint):  # type: ignore[misc]
    """A flask-smorest blueprint whose decorators are typed."""

    ARGUMENTS_PARSER = StrictParser()

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Register a view and its documentation."""
        return super().route(rule, **options)  # type: ignore[no-any-return]

    def arguments(self, schema: type[Schema], **options: Any) -> Callable[[View], View]:
        """Give the view what the request says, checked by the schema."""
        # An instance: webargs makes one of a class at each request, and copies its fields.
        return super().arguments(schema(), **options)  # type: ignore[no-any-return]

    def response(self, status_code: int, schema: Any = None, **options: Any) -> Callable[[View], View]:
        """Write what the view returns by the schema, and document it."""
        return super().response(status_code, schema, **options)  # type: ignore[no-any-return]

    def alt_response(self, status_code: int, *arguments: Any, **options: Any) -> Callable[[View], View]:
        """Document a further reply."""
        return super().alt_response(status_code, *arguments, **options)  # type: ignore[no-any-return]

    def doc(self, **members: Any) -> Callable[[View], View]:
        """Add members to the operation's documentation."""
        return flask_smorest.Blueprint.doc(**members)  # type: ignore[no-any-return]

    def problems(self, *codes: str) -> Callable[[View], View]:
        """Document the problems that this operation can answer with, beside those of every operation."""
        by_status: dict[int, list[str]] = defaultdict(list)
        for code in codes:
            by_status[KINDS[code].status].append(code)

        def decorate(view: View) -> View:
            for status, listed in by_status.items():
                description = "; ".join(f"{code}: {KINDS[code].title}" for code in listed)
                view = self.alt_response(
                    status, schema=ProblemReply, content_type=PROBLEM_MEDIA_TYPE, description=description
                )(view)
            return view

        return decorate
