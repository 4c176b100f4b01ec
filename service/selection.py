"""The parameter `fields`: the parts of an experiment that a reply is to show."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.filtering import read
from service.schemas.experiment_replies import ExperimentReply
from workers.catalogue.problems import nearest
from workers.experiments.filtering.parser import parse_names
from workers.experiments.filtering.syntax import Fault, FilterError, Name, written_name

Path = tuple[str, ...]
MEMBERS = tuple(ExperimentReply().fields)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Paths into an experiment's reply, in the order in which they were asked for."""

    paths: tuple[Path, ...]

    @property
    def members(self) -> tuple[str, ...]:
        """Return the members of the reply in which the paths lie."""
        return tuple(dict.fromkeys(path[0] for path in self.paths))


def selection_of(text: str | None) -> Selection | None:
    """Return the selection, None for everything; raise ProblemError for a member that replies do not have."""
    return None if text is None else read(_selection, text, "fields", "parameter")


def selected(reply: Mapping[str, Any], selection: Selection) -> dict[str, Any]:
    """Return the selected parts of a reply, those that it has, each at its place."""
    result: dict[str, Any] = {}
    # Whole objects before their parts, so that a part cannot take the place of the whole.
    for path in sorted(selection.paths, key=len):
        holder, value = result, part_of(reply, path)
        if value is None and len(path) > 1:
            continue
        for name in path[:-1]:
            holder = holder.setdefault(name, {})
        holder.setdefault(path[-1], value)
    return {member: result[member] for member in selection.members if member in result}


def part_of(reply: Any, path: Path) -> Any:
    """Return what stands at a path, None where nothing does."""
    for name in path:
        reply = reply.get(name) if isinstance(reply, Mapping) else None
    return reply


def _selection(text: str) -> Selection:
    paths = dict.fromkeys(_path(name) for name in parse_names(text))
    return Selection(paths=tuple(paths))


def _path(name: Name) -> Path:
    path = tuple(map(str, name.path))
    if path[0] in MEMBERS:
        return path
    text = written_name(name.path)
    is_inside = path[0] in ("target", "dataset", "architecture", "training", "simulation", "config")
    hint = f"spec.{text}" if is_inside else nearest(path[0], MEMBERS)
    message = f"an experiment has no member {path[0]!r}" + (f"; did you mean {hint}?" if hint else "")
    fault = Fault(
        code="unknown-filter-field", position=name.position, message=message, did_you_mean=hint, allowed=MEMBERS
    )
    raise FilterError(fault)
