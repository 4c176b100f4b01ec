"""Whether the broker answers."""

from kombu import Connection
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

PATIENCE_SECONDS = 1


def is_reachable(url: str) -> bool:
    """Say whether a connection to the broker can be made within about a second."""
    options = {"socket_connect_timeout": PATIENCE_SECONDS, "socket_timeout": PATIENCE_SECONDS, "max_retries": 0}
    try:
        with Connection(url, transport_options=options) as connection:
            # Opens a channel, whose first act is a PING.
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=PATIENCE_SECONDS)
    except (KombuError, RedisError, OSError):
        return False
    return True
