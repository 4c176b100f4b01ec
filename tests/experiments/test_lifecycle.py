"""States of an experiment: every pair of them."""

from itertools import product

import pytest

from workers.experiments.lifecycle import TERMINAL, TRANSITIONS, Status, sources_of

# As the contract of the HTTP interface lists them.
ALLOWED = {
    ("queued", "running"),
    ("queued", "cancelled"),
    ("queued", "failed"),
    ("running", "succeeded"),
    ("running", "failed"),
    ("running", "cancelled"),
    ("running", "queued"),
    ("failed", "queued"),
    ("cancelled", "queued"),
}


@pytest.mark.parametrize(("source", "reached"), list(product(Status, Status)))
def test_a_state_is_reached_from_those_of_the_contract_alone(source: Status, reached: Status) -> None:
    """Mutation: let a succeeded experiment be queued again."""
    assert (reached in TRANSITIONS[source]) == ((str(source), str(reached)) in ALLOWED)
    assert (source in sources_of(reached)) == (reached in TRANSITIONS[source])


def test_terminal_states_have_a_result_or_a_reason() -> None:
    """Mutation: running is terminal."""
    assert {status for status in Status if status.is_terminal} == TERMINAL
    assert {str(status) for status in TERMINAL} == {"succeeded", "failed", "cancelled"}
