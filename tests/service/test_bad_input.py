"""Every bad input is answered 4xx with its place and remedy, stores nothing, and harms nobody.

Caught mutations: json.loads in place of parse; no depth check; unknown = EXCLUDE; check_limits left out;
the Content-Type check left out.
"""

import io
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.builders import spec_json
from tests.service.requests import EXPERIMENTS, problem


@dataclass(frozen=True)
class Bad:
    """A body, and the status, code and place that its refusal must have."""

    body: Any
    pointer: str | None = None
    status: int = 422
    code: str = "validation-error"
    says: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def sent(self, client: FlaskClient, path: str) -> Any:
        """Send it."""
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        return client.post(path, data=body, headers={"Content-Type": "application/json", **self.headers})


def spec(**changes: Any) -> dict[str, Any]:
    """Return an envelope with a changed spec."""
    return {"spec": spec_json(**changes)}


def raw(old: str, new: str) -> bytes:
    """Return an envelope as text with one piece replaced."""
    text = json.dumps(spec())
    assert old in text
    return text.replace(old, new).encode()


def expression(text: str) -> dict[str, Any]:
    """Return an envelope whose target is a formula."""
    return spec(target={"kind": "expression", "expression": text, "domain": {"x": [-1, 1]}})


def nested(levels: int) -> list[Any]:
    """Return lists inside lists."""
    return [nested(levels - 1)] if levels > 1 else []


FORMULA = "/spec/target/expression"
MALFORMED: dict[str, Any] = {"status": 400, "code": "malformed-json"}
CASES: dict[str, Bad] = {
    "unknown kind": Bad(spec(target={"kind": "sine-sun"}), "/spec/target/kind", says="sine-sum"),
    "unknown field of the spec": Bad(spec(sed=1), "/spec/sed", code="unknown-field", says="seed"),
    "unknown field of a part": Bad(
        spec(training={"step": 2}), "/spec/training/step", code="unknown-field", says="steps"
    ),
    "unknown field of the envelope": Bad({**spec(), "nmae": "x"}, "/nmae", code="unknown-field", says="name"),
    "unknown type": Bad({"spec": {"type": "aproximation"}}, "/spec/type", says="approximation"),
    "a bare spec": Bad(spec_json(), "/spec", says='{"spec": {...}}'),
    "no spec": Bad({"name": "x"}, "/spec"),
    "a list": Bad([1], ""),
    "null": Bad(None, ""),
    "text for an integer": Bad(spec(training={"steps": "2"}), "/spec/training/steps"),
    "a fraction for an integer": Bad(spec(training={"steps": 2.5}), "/spec/training/steps"),
    "true for an integer": Bad(spec(training={"steps": True}), "/spec/training/steps"),
    "a negative count": Bad(spec(dataset={"train_size": -1}), "/spec/dataset/train_size", says="at least 1"),
    "a rate of zero": Bad(
        spec(training={"optimizer": {"kind": "adam", "learning_rate": 0}}), "/spec/training/optimizer/learning_rate"
    ),
    "a batch larger than the data": Bad(spec(training={"batch_size": 17}), "/spec/training/batch_size", says="16"),
    "a probe of another dimension": Bad(
        spec(target={"kind": "product", "inputs": 3}, probes=[{"kind": "linear-regions"}]), "/spec/probes/0"
    ),
    "too many parameters": Bad(spec(architecture={"width": 60_000, "depth": 3}), "/spec/architecture", says="reduce"),
    "too many operations": Bad(
        spec(training={"steps": 10**8, "evaluate_every": 10**8}, architecture={"width": 1000, "depth": 3}),
        "/spec/architecture",
        says="floating point"
    ),
    "a model of nothing": Bad(
        {"spec": {"type": "approximation", "target": {"kind": "step"}, "dataset": {"kind": "sampled"},
                  "model_of": "exp_00000000000000000000000000"}}, "/spec/model_of"
    ),
    "NaN": Bad(raw('"steps": 2', '"steps": NaN'), "/spec/training/steps", **MALFORMED),
    "Infinity": Bad(raw('"steps": 2', '"steps": -Infinity'), "/spec/training/steps", **MALFORMED),
    "1e999": Bad(raw('"steps": 2', '"steps": 1e999'), "/spec/training/steps", **MALFORMED),
    "an integer of 5,000 digits": Bad(raw('"steps": 2', '"steps": ' + "9" * 5000), "/spec/training/steps", **MALFORMED),
    "a duplicate key": Bad(raw('"steps": 2', '"steps": 2, "steps": 3'), "/spec/training/steps", **MALFORMED),
    "half a surrogate pair": Bad(raw('"sine-sum"', '"\\ud800"'), "/spec/target/kind", **MALFORMED),
    "a NUL": Bad(raw('"sine-sum"', '"\\u0000"'), "/spec/target/kind", **MALFORMED),
    "100,000 brackets": Bad(b"[" * 100_000, "", **MALFORMED, says="20 levels"),
    "21 levels": Bad(json.dumps({"spec": {"type": "recorded", "metrics": {}, "config": {"a": nested(18)}}})
                     .encode(), "", **MALFORMED),
    "not UTF-8": Bad(b'{"spec": "\xff"}', "", **MALFORMED),
    "half a body": Bad(b'{"spec": ', "", **MALFORMED),
    "nothing": Bad(b"", "", **MALFORMED),
    "2 MB": Bad(b'{"name": "' + b"x" * 2_000_000 + b'"}', None, 413, "payload-too-large", says="1000000 bytes"),
    "another media type": Bad(
        spec(), None, 415, "unsupported-media-type", headers={"Content-Type": "text/plain"}, says="application/json"
    ),
    "an import": Bad(expression("__import__('os').getpid()"), FORMULA),
    "an attribute": Bad(expression("x.real"), FORMULA),
    "a huge power": Bad(expression("9**9**9**9"), FORMULA),
    "10,000 parentheses": Bad(expression("(" * 10_000 + "x" + ")" * 10_000), FORMULA),
    "too long a name": Bad({**spec(), "name": "x" * 256}, "/name"),
    "33 tags": Bad({**spec(), "tags": [str(number) for number in range(33)]}, "/tags"),
    "a tag that is a number": Bad({**spec(), "tags": ["a", 1]}, "/tags/1"),
    "a tag with a comma": Bad({**spec(), "tags": ["a,b"]}, "/tags/0"),
    "17 members of metadata": Bad({**spec(), "metadata": {str(number): "" for number in range(17)}}, "/metadata"),
    "metadata that is a number": Bad({**spec(), "metadata": {"a": 1}}, "/metadata/a"),
    "an unknown priority": Bad({**spec(), "priority": "urgent"}, "/priority", says="high"),
    "a timeout of zero": Bad({**spec(), "timeout_seconds": 0}, "/timeout_seconds"),
    "no attempts": Bad({**spec(), "max_attempts": 0}, "/max_attempts"),
    "a reuse that is not offered": Bad({**spec(), "reuse": "succeeded"}, "/reuse", says="never"),
    "a key that is not ASCII": Bad(spec(), None, headers={"Idempotency-Key": "x" * 256}, says="255"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("path", [EXPERIMENTS, f"{EXPERIMENTS}/validate"])
def test_bad_input_is_refused_with_its_place_and_the_remedy(reader: FlaskClient, case: Bad, path: str) -> None:
    """Each is told by code, pointer and words."""
    if "Idempotency-Key" in case.headers and path.endswith("validate"):
        return
    document = problem(case.sent(reader, path), case.status, case.code)
    if case.pointer is not None:
        assert case.pointer in [error["pointer"] for error in document["errors"]], document["errors"]
    assert case.says in json.dumps(document, ensure_ascii=False).replace('\\"', '"')
    assert reader.get("/healthz").status_code == 200


def test_bad_input_stores_nothing(client: FlaskClient) -> None:
    """Caught mutation: validation after the row."""
    for name, case in CASES.items():
        case.sent(client, EXPERIMENTS)
        assert client.get(EXPERIMENTS).json == {"object": "list", "data": [], "has_more": False, "next_cursor": None}, (
            name
        )


def test_all_faults_are_named_at_once(reader: FlaskClient) -> None:
    """Caught mutation: the decoder stops at the first fault."""
    body = {**spec(target={"kind": "nope"}, training={"steps": "2"}, sed=1), "priority": 7}
    document = problem(reader.post(EXPERIMENTS, json=body), 422, "validation-error")
    found = {error["pointer"] for error in document["errors"]}
    assert found == {"/spec/target/kind", "/spec/training/steps", "/spec/sed", "/priority"}


def test_a_body_without_a_length_is_cut_off_at_the_limit(reader: FlaskClient) -> None:
    """Caught mutation: a limit on the Content-Length header alone."""
    reply = reader.post(
        EXPERIMENTS,
        input_stream=io.BytesIO(b" " * 2_000_000),
        headers={"Content-Type": "application/json", "Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    problem(reply, 413, "payload-too-large")


def test_a_hundred_faults_are_told_of_a_hundred_thousand(reader: FlaskClient) -> None:
    """Caught mutation: a reply many times the size of the request."""
    body = b'{"name": [' + b",".join([b"NaN"] * 100_000) + b"]}"
    reply = reader.post(EXPERIMENTS, data=body, content_type="application/json")
    assert len(problem(reply, 400, "malformed-json")["errors"]) == 100
