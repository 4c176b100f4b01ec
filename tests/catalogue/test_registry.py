"""Registries refuse what would break later, and say what to mend."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from workers.catalogue.kinds import Target, targets
from workers.catalogue.parameters import parameter
from workers.catalogue.registry import (
    RegistrationError,
    Registry,
    UnknownComponentError,
    import_folder,
)

SOURCE = "Nobody 1900"


@pytest.fixture
def registry() -> Registry[Target]:
    """Return an empty registry of targets."""
    return Registry("targets", "target", Target)


def component(**changes: Any) -> Any:
    """Return a class that can be registered, with changes to its body."""
    body = {"__doc__": "A constant.", "__module__": __name__, "height": parameter(1.0, "the height")}
    body |= {"__annotations__": {"height": float}} | changes
    bases = body.pop("bases", (Target,))
    return dataclass(frozen=True, kw_only=True)(type("Constant", bases, body))


def test_a_registered_class_knows_its_name_and_source(registry: Registry[Target]) -> None:
    """Mutation: register before the dataclass is built."""
    cls = registry.register("constant", source=SOURCE)(component())
    assert (cls.kind, cls.source, registry.get("constant")) == ("constant", SOURCE, cls)
    assert registry.names() == ("constant",) and "constant" in registry


@pytest.mark.parametrize(
    ("name", "source", "changes", "word"),
    [
        ("Constant", SOURCE, {}, "kebab-case"),
        ("my_constant", SOURCE, {}, "kebab-case"),
        ("constant", " ", {}, "source"),
        ("constant", SOURCE, {"__doc__": None}, "docstring"),
        ("constant", SOURCE, {"bases": (object,)}, "derive from Target"),
        ("constant", SOURCE, {"height": field(default=1.0)}, r"constant.height: declare it with parameter"),
    ],
)
def test_a_malformed_component_is_refused(
    registry: Registry[Target], name: str, source: str, changes: dict[str, Any], word: str
) -> None:
    """Mutation: skip _refuse_malformed."""
    with pytest.raises(RegistrationError, match=word):
        registry.register(name, source=source)(component(**changes))
    assert registry.names() == ()


def test_a_class_that_is_no_dataclass_is_refused(registry: Registry[Target]) -> None:
    """Mutation: no is_dataclass."""
    with pytest.raises(RegistrationError, match="@dataclass"):
        registry.register("constant", source=SOURCE)(type("Constant", (Target,), {"__doc__": "A constant."}))


def test_a_name_can_be_taken_once(registry: Registry[Target]) -> None:
    """Mutation: overwrite silently."""
    registry.register("constant", source=SOURCE)(component())
    with pytest.raises(RegistrationError, match="'constant' is registered twice"):
        registry.register("constant", source=SOURCE)(component())


def test_an_unknown_name_brings_the_nearest_one_and_all() -> None:
    """Mutation: a KeyError."""
    with pytest.raises(UnknownComponentError) as caught:
        targets.get("sine-sun")
    assert caught.value.suggestion == "sine-sum" and "sawtooth" in caught.value.allowed


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError"),
        ("def broken(:", "SyntaxError"),
        ("from workers.catalogue.kinds import targets\ntargets.register('No', source='x')(int)", "kebab-case"),
    ],
)
def test_a_file_that_does_not_import_is_named(tmp_path: Path, text: str, word: str) -> None:
    """Mutation: skip files that fail."""
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(RegistrationError, match=word) as caught:
        import_folder(tmp_path)
    assert str(path) in str(caught.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Mutation: treat it as empty."""
    with pytest.raises(RegistrationError, match="missing is not a folder"):
        import_folder(tmp_path / "missing")
