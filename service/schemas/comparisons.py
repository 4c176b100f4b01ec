"""What a client may ask of two sets of experiments, and what the reply says."""

from typing import Any

from marshmallow import Schema, fields, post_load

from service.schemas.experiment_replies import OBJECT, TEXTS
from service.schemas.experiments import Strict, absent
from service.schemas.fields import JsonChoice, JsonFlag, JsonList, JsonNumber, JsonObject, JsonText
from service.schemas.replies import Moment, Plain, noun, shown
from workers.database.sweep_values import ComparisonView

# The words of workers.analysis, which the API imports only to compute.
ALTERNATIVES = ("two_sided", "less", "greater")
TESTS = ("student_t", "sign", "wilcoxon")
PAIR_POLICIES = ("leave_out", "refuse", "worst")
LONGEST_FILTER = 4_000
SIDE = {"properties": {"filter": {"type": "string"}}, "required": ["filter"], "additionalProperties": False}


class ComparisonBody(Strict):
    """Two filters, a metric, what makes a pair, and the statement that is tested: a lies on this side of b."""

    a = JsonObject(SIDE, required=True)
    b = JsonObject(SIDE, required=True)
    metric = JsonText(most=300, required=True)
    pair_by = JsonList(JsonText(most=255), least=1, most=8, unique=True, load_default=lambda: ("seed",))
    alternative = JsonChoice(*ALTERNATIVES, load_default="two_sided")
    minimum_effect = JsonNumber(above=-1e-300, maximum=1e300, load_default=0.0)
    alpha = JsonNumber(above=0.0, maximum=0.4999, load_default=0.05)
    test = JsonChoice(*TESTS, allow_none=True, load_default=absent)
    policy = JsonChoice(*PAIR_POLICIES, load_default="leave_out")
    larger_is_worse = JsonFlag(load_default=True)
    name = JsonText(most=255, allow_none=True, load_default=absent)

    @post_load
    def asked(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the question."""
        return data


class ComparisonReply(Schema):
    """Two sets of experiments, compared pair by pair."""

    object = noun("comparison")
    id = shown(fields.String, "its id")
    name = shown(fields.String, "what the client calls it", allow_none=True)
    question = shown(Plain, "what was asked, every default written out", OBJECT)
    result = shown(
        Plain,
        "n_pairs, unpaired, mean_difference with its ci, effect_size, p_value, test, assumptions, verdict and needed_n",
        OBJECT,
    )
    inputs_hash = shown(fields.String, "sha256 of all that the result follows from")
    created_at = shown(Moment, "when it was made")
    links = shown(Plain, "where it is", TEXTS)

    def get_attribute(self, obj: ComparisonView, attr: str, default: Any) -> Any:
        """Return what the reply shows under a name."""
        if attr == "links":
            return {"self": comparison_path(obj.id)}
        return super().get_attribute(obj, attr, default)


def comparison_path(comparison_id: str) -> str:
    """Return the path of a comparison."""
    return f"/v1/comparisons/{comparison_id}"
