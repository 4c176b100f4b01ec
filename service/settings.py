"""Settings of the HTTP face, read once from WHYDEEP_* variables."""

from dataclasses import dataclass

from workers.settings import Settings, SettingsError

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, kw_only=True)
class ServiceSettings(Settings):
    """What the environment decides for the API, beside what it decides for the workers."""

    host: str = "127.0.0.1"  # address to listen on
    port: int = 8080
    secret_key: str = ""  # signs cursors; empty: a file under home, made at the first start
    auth: str = "none"  # who may come in; none: everyone who reaches an allowed host name
    allowed_hosts: str = ""  # names of this server beside the loopback's, separated by commas
    max_parameters: int = 20_000_000  # of one experiment's architecture
    max_memory_bytes: int = 2 * 2**30  # that one experiment is estimated to take
    max_flops: float = 1e15  # that one experiment is estimated to take
    max_body_bytes: int = 1_000_000  # of a request
    max_waiters: int = 4  # requests that may wait for a change at once, so that others are always answered

    def __post_init__(self) -> None:
        if self.auth != "none":
            raise SettingsError(f"WHYDEEP_AUTH={self.auth!r}: only 'none' is known; remove the variable or set it so")
        for name in ("max_parameters", "max_memory_bytes", "max_flops", "max_body_bytes", "max_waiters"):
            if getattr(self, name) <= 0:
                raise SettingsError(f"WHYDEEP_{name.upper()}={getattr(self, name)}: must be greater than 0")

    @property
    def host_names(self) -> frozenset[str]:
        """Return the lower-case host names, without ports, under which this server may be addressed."""
        named = [self.host, *self.allowed_hosts.split(",")]
        return frozenset([*LOOPBACK_HOSTS, *(name.strip().lower() for name in named if name.strip())])
