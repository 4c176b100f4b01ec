"""Who may ask: this server's own names, and no other web site's pages."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.service.requests import EXPERIMENTS, problem, submitted


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:9", "[::1]:8080", "LOCALHOST"])
def test_the_loopback_names_are_ours(reader: FlaskClient, host: str) -> None:
    """Caught mutation: the port compared too."""
    assert reader.get("/v1/catalogue", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8080", "10.0.0.1"])
def test_a_name_pointed_at_us_is_refused(reader: FlaskClient, host: str) -> None:
    """DNS rebinding. Caught mutation: a check by prefix, or none."""
    for path in ("/v1/catalogue", EXPERIMENTS, "/docs", "/"):
        problem(reader.get(path, headers={"Host": host}), 403, "forbidden")
    assert reader.get("/healthz", headers={"Host": host}).status_code == 200


def test_the_operator_s_names_are_ours(migrated_url: str, make_app: Callable[..., Flask]) -> None:
    """Caught mutation: allowed_hosts never read."""
    client = make_app(migrated_url, allowed_hosts="lab.example, Other.example", host="0.0.0.0").test_client()
    for host in ("lab.example", "other.example:8443", "0.0.0.0:8080"):
        assert client.get("/v1/catalogue", headers={"Host": host}).status_code == 200
    problem(client.get("/v1/catalogue", headers={"Host": "example"}), 403, "forbidden")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:81"},
        {"Origin": "http://localhost@evil.example"},
    ],
)
def test_another_site_s_page_stores_nothing(client: FlaskClient, headers: dict[str, str]) -> None:
    """Caught mutations: Origin compared by prefix; a form post let in as navigation."""
    problem(submitted(client, headers), 403, "forbidden")
    assert client.get(EXPERIMENTS).json["data"] == []  # type: ignore[index]


@pytest.mark.parametrize(
    "headers", [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "http://localhost"}]
)
def test_our_own_pages_and_programs_come_in(client: FlaskClient, headers: dict[str, str]) -> None:
    """Caught mutation: every request with an Origin refused."""
    assert submitted(client, headers).status_code == 202


def test_a_link_on_another_site_may_be_followed(reader: FlaskClient) -> None:
    """Caught mutation: reading by script let in as well."""
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert reader.get("/docs", headers=headers).status_code == 200
    problem(reader.get("/docs", headers=headers | {"Sec-Fetch-Mode": "no-cors"}), 403, "forbidden")


@pytest.mark.parametrize("path", ["/healthz", EXPERIMENTS, "/docs", "/nothing", "/static/style.css"])
def test_every_reply_has_the_safe_headers(reader: FlaskClient, path: str) -> None:
    """Caught mutation: headers on successes alone; CORS switched on."""
    headers = reader.get(path, headers={"Origin": "http://localhost"}, buffered=True).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert not [name for name, _ in headers if name.startswith("Access-Control")]


@pytest.mark.parametrize(("given", "kept"), [("abc-1.2_3", True), ("x" * 65, False), ("a b", False), ("ä", False)])
def test_a_request_id_is_kept_when_it_is_harmless(reader: FlaskClient, given: str, kept: bool) -> None:
    """Caught mutation: a client's text in logs and headers unchecked."""
    found = reader.get("/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"]
    assert (found == given) is kept and found


def test_two_requests_have_two_ids(reader: FlaskClient) -> None:
    """Caught mutation: one id per process."""
    assert reader.get("/healthz").headers["X-Request-Id"] != reader.get("/healthz").headers["X-Request-Id"]
