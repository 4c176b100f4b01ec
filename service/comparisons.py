"""Comparisons: filters to experiments, experiments to pairs, pairs to a verdict."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from service.context import Context
from service.filtering import metric_part_from, read
from service.json_reply import strict_json
from service.problems import ProblemError, invalid_body
from service.schemas.comparisons import ComparisonReply, comparison_path
from service.submission import Repeatable, once
from workers.analysis.comparison import Comparison, compare
from workers.analysis.inputs import inputs_hash
from workers.analysis.location_tests import Location
from workers.analysis.pairing import Policy, pair
from workers.analysis.verdict import Alternative
from workers.catalogue.problems import InvalidError, Problem
from workers.database import comparisons
from workers.database.sweep_values import ComparisonView, Sampled
from workers.database.values import StoredReply
from workers.experiments.filtering.fields import Field
from workers.experiments.filtering.typed import filter_of
from workers.experiments.lifecycle import Outcome, Status

MOST = 10_000  # experiments on a side
SIDES = ("a", "b")


def compared(
    context: Context, asked: Mapping[str, Any], request: Repeatable | None
) -> tuple[StoredReply, ComparisonView | None]:
    """Compare, keep the result with its reply and return both; raise ProblemError for what cannot be compared."""
    metric = metric_part_from(asked["metric"], "metric", "pointer")
    conditions = {side: read(filter_of, _filter(asked, side), f"{side}/filter", "pointer") for side in SIDES}
    question = {name: value for name, value in asked.items() if name != "name"}

    # Found inside the transaction: a repeated request gets the first reply whatever the filters meet by now.
    def store(session: Session, now: datetime) -> tuple[StoredReply, ComparisonView]:
        found = {
            side: comparisons.sample(session, context.project_id, conditions[side], str(metric.metric), most=MOST)
            for side in SIDES
        }
        result, inputs = _found(found, metric, asked)
        view = comparisons.store_comparison(
            session,
            project_id=context.project_id,
            name=asked["name"],
            question=question,
            result=result,
            inputs_hash=inputs_hash([question, inputs]),
            now=now,
        )
        headers = {"Location": comparison_path(view.id)}
        return StoredReply(status=201, body=strict_json(ComparisonReply().dump(view)), headers=headers), view

    return once(context, request, store)


def comparison_or_404(context: Context, comparison_id: str) -> ComparisonView:
    """Return the comparison; raise ProblemError when the project has none of this id."""
    with context.database.read() as session:
        view = comparisons.comparison(session, context.project_id, comparison_id)
    if view is None:
        raise ProblemError("not-found", f"There is no comparison {comparison_id}.")
    return view


def _filter(asked: Mapping[str, Any], side: str) -> str:
    given = asked[side]
    if set(given) != {"filter"} or not isinstance(given["filter"], str):
        detail = 'must be {"filter": "..."}, as {"filter": "architecture.width = 64"}'
        raise invalid_body([Problem(path=(side,), code="type", detail=detail)])
    return str(given["filter"])


def _problems(found: Mapping[str, Sequence[Sampled]], metric: Field) -> Iterator[Problem]:
    for side, members in found.items():
        if not members:
            yield Problem(path=(side, "filter"), code="empty", detail="meets no experiment: loosen it")
        elif len(members) > MOST:
            detail = f"meets more than {MOST} experiments: narrow it"
            yield Problem(path=(side, "filter"), code="too-large", detail=detail)
        elif _ended(members) and all(each.metric is None for each in _ended(members)):
            detail = f"no experiment of {side} has a metric {metric.metric!r}: see the metrics of one of them"
            yield Problem(path=("metric",), code="metric", detail=detail)


def _found(
    found: Mapping[str, Sequence[Sampled]], metric: Field, asked: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Any]]:
    """Return the result, and what it follows from; raise ProblemError for experiments that cannot be compared."""
    problems = list(_problems(found, metric))
    if problems:
        raise invalid_body(problems)
    try:
        return _result(found, metric, asked)
    except InvalidError as error:
        raise invalid_body(error.problems) from None


def _ended(members: Sequence[Sampled]) -> list[Sampled]:
    return [each for each in members if each.status is Status.SUCCEEDED]


def _result(
    found: Mapping[str, Sequence[Sampled]], metric: Field, asked: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Any]]:
    """Return the result, and what it follows from."""
    keyed = {
        side: [(_key(each, asked["pair_by"]), _value(each, metric)) for each in members if each.status.is_terminal]
        for side, members in found.items()
    }
    policy, larger_is_worse = Policy(asked["policy"]), asked["larger_is_worse"]
    pairs = pair(keyed["a"], keyed["b"], policy=policy, larger_is_worse=larger_is_worse)
    comparison = compare(
        pairs,
        test=Location(asked["test"]) if asked["test"] else None,
        alternative=Alternative(asked["alternative"]),
        minimum_effect=asked["minimum_effect"],
        alpha=asked["alpha"],
    )
    counts = {
        side: {
            "n": len(members),
            "n_open": sum(not each.status.is_terminal for each in members),
            "n_failed": sum(each.status in (Status.FAILED, Status.CANCELLED) for each in members),
            "n_diverged": sum(each.outcome is Outcome.DIVERGED for each in members),
        }
        for side, members in found.items()
    }
    return _shown(comparison) | counts, [keyed[side] for side in SIDES]


def _shown(comparison: Comparison) -> dict[str, Any]:
    difference, tested = comparison.mean_difference, comparison.result
    return {
        "n_pairs": comparison.n_pairs,
        "unpaired": {"a": comparison.n_unpaired_a, "b": comparison.n_unpaired_b},
        "n_missing": comparison.n_missing,
        "n_non_finite": comparison.n_non_finite,
        "mean_difference": None if difference is None else difference.estimate,
        "ci": None if difference is None else [difference.low, difference.high],
        "ci_method": None if difference is None else difference.method,
        "effect_size": comparison.effect_size and asdict(comparison.effect_size),
        "common_language": comparison.common_language and asdict(comparison.common_language),
        "test": tested.test.value,
        "statistic": tested.statistic,
        "p_value": tested.p_value,
        "p_adjusted": comparison.p_adjusted,
        "verdict": comparison.verdict.value,
        "reason": comparison.reason,
        "needed_n": tested.needed_n,
        "assumptions": list(comparison.assumptions),
        "method": comparison.method,
    }


def _key(sampled: Sampled, paths: Sequence[str]) -> tuple[Any, ...]:
    """Return what stands at the paths of a spec; raise InvalidError where nothing does."""
    return tuple(_at(sampled, place, path) for place, path in enumerate(paths))


def _at(sampled: Sampled, place: int, path: str) -> Any:
    value: Any = sampled.spec
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None:
        detail = f"the spec of {sampled.id} has nothing at {path!r}: pair by a path that all of them have"
        raise InvalidError([Problem(path=("pair_by", place), code="path", detail=detail)])
    return value


def _value(sampled: Sampled, metric: Field) -> float | None:
    """Return the value; None for a run that failed or diverged, or that has no such metric."""
    if sampled.metric is None or sampled.outcome is Outcome.DIVERGED:
        return None
    found = getattr(sampled.metric, str(metric.part))
    return None if found is None else float(found)
