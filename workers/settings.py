"""Settings of the experiment system, read once from WHYDEEP_* variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


class SettingsError(ValueError):
    """A WHYDEEP_* variable cannot be read; the message names it and what it takes."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the environment decides for workers; each field is the variable WHYDEEP_<NAME IN CAPITALS>."""

    home: Path = Path("~/.local/share/whydeep")  # embedded state: database, broker, logs
    database_url: str = ""  # empty: SQLite under home
    broker_url: str = ""  # empty: the private Valkey under home
    components: str = ""  # the operator's folder of components
    kernels: str = ""  # where compiled kernels are kept; empty: the user's cache
    poll_seconds: float = 2.0  # how often an idle worker looks at the queue unrung
    beat_seconds: float = 5.0  # how often a supervisor shows that it lives
    lease_seconds: float = 30.0  # without a beat for so long, its experiments are taken back
    fence_seconds: float = 20.0  # without a successful beat for so long, a supervisor stops its own runner
    report_seconds: float = 0.5  # how often a runner reports progress

    @property
    def resolved_database_url(self) -> str:
        """Return the database's URL, SQLite under home when none is given."""
        return self.database_url or f"sqlite:///{self.home.expanduser().absolute() / 'whydeep.db'}"

    @property
    def resolved_broker_url(self) -> str:
        """Return the broker's URL, the private Valkey's socket under home when none is given."""
        return (
            self.broker_url
            or f"redis+socket://{self.home.expanduser().absolute() / 'valkey' / 'valkey.sock'}?virtual_host=0"
        )


def read_settings(cls: type[Any], environment: Mapping[str, str] = os.environ) -> Any:
    """Return `cls` filled from WHYDEEP_<FIELD> variables; raise SettingsError naming a wrong one."""
    values: dict[str, Any] = {}
    for declared in fields(cls):
        variable = f"WHYDEEP_{declared.name.upper()}"
        text = environment.get(variable)
        if text is None:
            continue
        kind: Any = type(declared.default)
        try:
            values[declared.name] = text.lower() in ("1", "true", "yes") if kind is bool else kind(text)
        except ValueError:
            raise SettingsError(f"{variable}={text!r}: expected {kind.__name__}") from None
    return cls(**values)
