"""What the server says about itself: OpenAPI document, documentation, problem pages, front page."""

from flask import Response, render_template, request

from service.blueprint import Resource
from service.context import context
from service.json_reply import strict_json
from service.lookups import experiment_or_404
from service.problems import KINDS, ProblemError
from service.web.pages import command, evidence, front
from service.web.reference import kind_of, operations_by_noun

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
TEXT = {"type": "string"}
blueprint = Resource(
    "documents",
    __name__,
    template_folder="../web/templates",
    static_folder="../web/static",
    static_url_path="/static",
    description="What the server says about itself.",
)


@blueprint.route("/openapi.json")
@blueprint.response(200, {"type": "object"}, description="An OpenAPI 3.1 document")
def get_openapi() -> Response:
    """Read this interface as an OpenAPI document."""
    return Response(strict_json(context().openapi), mimetype="application/json")


@blueprint.route("/docs")
@blueprint.response(200, TEXT, content_type="text/html")
def get_documentation() -> Response:
    """Read this interface as a page."""
    document = context().openapi
    nouns, schemas = operations_by_noun(document), document["components"]["schemas"]
    return _page("docs.html", document=document, nouns=nouns, schemas=schemas, kind_of=kind_of)


@blueprint.route("/problems")
@blueprint.response(200, TEXT, content_type="text/html")
def list_problems() -> Response:
    """Read about every kind of problem."""
    return _page("problems.html", kinds=KINDS)


@blueprint.route("/problems/<string(maxlength=64):code>")
@blueprint.response(200, TEXT, content_type="text/html")
@blueprint.problems("not-found")
def get_problem(code: str) -> Response:
    """Read about a kind of problem; the type of a problem document points here."""
    if code not in KINDS:
        raise ProblemError("not-found", "No kind of problem has this code; /problems lists all.")
    return _page("problems.html", kinds={code: KINDS[code]}, only=code)


@blueprint.route("/")
@blueprint.response(200, TEXT, content_type="text/html")
def get_front_page() -> Response:
    """Find the way to everything else, and the newest experiments."""
    return _page("front.html", document=context().openapi, recent=front(context()), command=command(request.host_url))


@blueprint.route("/experiments/<id:experiment_id>")
@blueprint.response(200, TEXT, content_type="text/html")
@blueprint.problems("not-found")
def get_experiment_page(experiment_id: str) -> Response:
    """Look at an experiment as a page."""
    return _page("experiment.html", **evidence(context(), experiment_or_404(experiment_id)))


def _page(template: str, **values: object) -> Response:
    text = render_template(template, **values)
    return Response(text, mimetype="text/html", headers={"Content-Security-Policy": PAGE_POLICY})
