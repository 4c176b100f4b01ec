"""Registries: the names a user can ask for, one registration per component."""

import importlib
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from workers.catalogue.problems import nearest

T = TypeVar("T")
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class RegistrationError(Exception):
    """A component cannot be registered; the message names it and says what to mend."""


class UnknownComponentError(LookupError):
    """No component has this name; `suggestion` is the nearest one that exists."""

    def __init__(self, name: str, registry: "Registry[object]") -> None:
        self.suggestion = nearest(name, registry.names())
        self.allowed = registry.names()
        super().__init__(f"unknown {registry.noun} {name!r}")


class Registry(Generic[T]):
    """The components of one kind, by name."""

    def __init__(self, plural: str, noun: str, base: Any, *, by_name: bool = False) -> None:
        self.plural, self.noun, self.base, self.by_name = plural, noun, base, by_name
        self._members: dict[str, type[T]] = {}

    def register(self, name: str, *, source: str) -> Callable[[type[T]], type[T]]:
        """Register the dataclass below under `name`, with the `source` of its definition.

        Stands above `@dataclass`, since a dataclass with slots is built anew.
        """

        def enter(cls: type[T]) -> type[T]:
            _refuse_malformed(name, source, cls, self.base)
            if name in self._members:
                raise RegistrationError(
                    f"{self.noun} {name!r} is registered twice: choose another name in {cls.__module__}"
                )
            cls.kind, cls.source = name, source  # type: ignore[attr-defined]
            self._members[name] = cls
            return cls

        return enter

    def get(self, name: str) -> type[T]:
        """Return the component class called `name`; raise UnknownComponentError."""
        try:
            return self._members[name]
        except KeyError:
            raise UnknownComponentError(name, self) from None  # type: ignore[arg-type]

    def names(self) -> tuple[str, ...]:
        """Return the registered names in alphabetical order."""
        return tuple(sorted(self._members))

    def __iter__(self) -> Iterator[tuple[str, type[T]]]:
        return ((name, self._members[name]) for name in self.names())

    def __contains__(self, name: object) -> bool:
        return name in self._members


def _refuse_malformed(name: str, source: str, cls: type, base: type) -> None:
    if not NAME.fullmatch(name):
        raise RegistrationError(f"{cls.__qualname__}: the name {name!r} must be kebab-case")
    if not source.strip():
        raise RegistrationError(f"{name}: say in source= where the definition comes from")
    if not issubclass(cls, base):
        raise RegistrationError(f"{name}: {cls.__qualname__} must derive from {base.__qualname__}")
    if not is_dataclass(cls):
        raise RegistrationError(f"{name}: put @dataclass(frozen=True, kw_only=True) below the registration")
    # A dataclass without a docstring gets its own signature as one.
    if not cls.__doc__ or cls.__doc__.startswith(f"{cls.__name__}("):
        raise RegistrationError(f"{name}: {cls.__qualname__} needs a docstring that says what it is")
    for declared in fields(cls):
        if "bounds" not in declared.metadata:
            raise RegistrationError(f"{name}.{declared.name}: declare it with parameter(default, meaning)")


def import_components(package: str) -> None:
    """Import every module below `package`, so that its registrations take place."""
    root = importlib.import_module(package)
    for module in pkgutil.walk_packages(root.__path__, prefix=f"{package}."):
        importlib.import_module(module.name)


def import_folder(folder: Path) -> None:
    """Import every `*.py` of the operator's folder; raise RegistrationError naming the file that fails."""
    if not folder.is_dir():
        raise RegistrationError(f"WHYDEEP_COMPONENTS: {folder} is not a folder")
    for path in sorted(folder.glob("*.py")):
        name = f"whydeep_components.{path.stem}"
        if name in sys.modules:
            continue
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise RegistrationError(f"{path}: not a Python module")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[name]
            raise RegistrationError(f"{path}: {type(error).__name__}: {error}") from error
