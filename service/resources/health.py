"""Whether the process answers, and whether it can serve."""

from service.blueprint import Resource
from service.broker import is_reachable
from service.context import context
from service.problems import ProblemError
from service.schemas.catalogue_replies import HealthReply, ReadyReply

blueprint = Resource("health", __name__, description="For load balancers and orchestrators.")


@blueprint.route("/healthz")
@blueprint.response(200, HealthReply)
def get_health() -> dict[str, str]:
    """Say that the process answers; asks nobody else."""
    return {"status": "ok"}


@blueprint.route("/readyz")
@blueprint.response(200, ReadyReply)
@blueprint.problems("unavailable")
def get_readiness() -> dict[str, str]:
    """Say whether the database answers with the newest schema; a lost broker is told, and no reason to refuse."""
    from workers.database.migrate import is_current  # with Alembic, which nothing else here needs

    if not is_current(context().database):
        raise ProblemError("unavailable", "The database's schema is not current: run 'whydeep migrate'.")
    broker = is_reachable(context().settings.resolved_broker_url)
    return {"status": "ok", "database": "ok", "broker": "ok" if broker else "unreachable"}
