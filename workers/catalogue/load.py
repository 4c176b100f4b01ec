"""Fill the registries: our own components, then those of the operator's folder."""

from pathlib import Path

from workers.catalogue.kinds import REGISTRIES
from workers.catalogue.registry import import_components, import_folder


def load(folder: str | None = None) -> None:
    """Register every component; a second call changes nothing. Raise RegistrationError for a bad file."""
    for registry in REGISTRIES:
        import_components(f"workers.catalogue.{registry.plural}")
    if folder:
        import_folder(Path(folder))
