"""What is wrong with a value, said so that a client can mend it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches

Path = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One fault: where it is, a code for programs, a sentence with the remedy for people."""

    path: Path = ()
    code: str = "invalid"
    detail: str
    did_you_mean: str | None = None
    allowed: tuple[str, ...] = ()

    def under(self, *prefix: str | int) -> "Problem":
        """Return the same problem, seen from `prefix` levels further out."""
        return replace(self, path=(*prefix, *self.path))

    @property
    def pointer(self) -> str:
        """Return the RFC 6901 JSON Pointer of the fault."""
        return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in self.path)


class InvalidError(ValueError):
    """A value breaks its own rules; `problems` names every fault, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{problem.pointer or '/'}: {problem.detail}" for problem in self.problems))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that looks most like `word`, or None when none is close."""
    matches = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None
