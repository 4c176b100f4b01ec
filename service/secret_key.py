"""The key that signs cursors: given by the operator, or made once and kept under home."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from service.settings import ServiceSettings
from workers.settings import SettingsError

FILE_NAME = "secret_key"


def secret_key(settings: ServiceSettings) -> str:
    """Return the given key, else the one under home, made with mode 600 when there is none."""
    if settings.secret_key:
        return settings.secret_key
    folder = settings.home.expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make_once(folder)
        return (folder / FILE_NAME).read_text()
    except OSError as error:
        raise SettingsError(
            f"{folder}: {error.strerror}; set WHYDEEP_HOME to a folder you may write, or WHYDEEP_SECRET_KEY"
        ) from error


def _make_once(folder: Path) -> None:
    if (folder / FILE_NAME).exists():
        return
    handle, name = tempfile.mkstemp(prefix=FILE_NAME, dir=folder)  # mode 600 from the start
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(32))
        # A link fails where the file exists: of two processes that start at once, both read the first one's key.
        with contextlib.suppress(FileExistsError):
            os.link(name, folder / FILE_NAME)
    finally:
        os.unlink(name)
