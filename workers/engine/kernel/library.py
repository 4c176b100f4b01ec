"""The kernel as a shared library: compiled once per machine, kept on disk, loaded once per process."""

import ctypes
import hashlib
import importlib.util
import logging
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from workers.settings import Settings, read_settings

SOURCES = ("dense.cpp", "permutations.cpp", "updates.hpp", "activations.hpp", "products.hpp")
LIBRARY = "kernel"
FLAGS = ("-std=c++17", "-O3", "-fno-math-errno", "-shared", "-fPIC", "-s")  # no symbols: they name the folder
COMPILERS = ("c++", "g++", "clang++")
WHOLE, KEY, PLACE = ctypes.c_int64, ctypes.c_uint64, ctypes.c_void_p
TRAIN = (PLACE, WHOLE, WHOLE, PLACE, PLACE, PLACE, PLACE, PLACE, WHOLE, WHOLE, PLACE, WHOLE, PLACE)
EVALUATE = (PLACE, PLACE, PLACE, PLACE, WHOLE, PLACE)
ACTIVATE = (WHOLE, WHOLE, PLACE, PLACE)
SIGNATURES: dict[str, tuple[Any, ...]] = {
    **{f"train_{number}": TRAIN for number in ("float", "double")},
    **{f"evaluate_{number}": EVALUATE for number in ("float", "double")},
    **{f"activate_{number}": ACTIVATE for number in ("float", "double")},
    "permutations": (KEY, PLACE, WHOLE, WHOLE, PLACE),
    "argsort": (PLACE, WHOLE, PLACE),
}
TIMEOUT_SECONDS = 120.0  # less than a runner may take to start
CPU_LINES = ("flags", "Features", "model name", "CPU part")  # of /proc/cpuinfo: what -march=native looks at

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """The loaded library; `digest` is that of its machine code, on which its results depend."""

    functions: ctypes.CDLL
    digest: str


@cache
def kernel() -> Kernel | None:
    """Return the kernel, compiled if it is not on disk yet; None, with a warning, where that cannot be done."""
    command = compiler()
    if command is None:
        log.warning("no C++ compiler: experiments of the compiled back end are left to other workers")
        return None
    try:
        with _folder() as folder:
            place, digest = _built(command, folder)
            return Kernel(functions=_loaded(place), digest=digest)
    except (OSError, AttributeError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or b""
        log.warning(
            "the kernel does not compile by %s: %s %s", command[0], error, said.decode(errors="replace")[-2000:]
        )
        return None


def _loaded(place: Path) -> ctypes.CDLL:
    functions = ctypes.CDLL(str(place))
    for name, kinds in SIGNATURES.items():
        function = getattr(functions, name)
        function.argtypes, function.restype = kinds, None
    return functions


def compiler() -> tuple[str, ...] | None:
    """Return the command of a C++ compiler: $CXX, one on PATH, or that of the package ziglang; None: there is none."""
    named = shlex.split(os.environ.get("CXX", ""))
    for name, *options in [named] if named else [[each] for each in COMPILERS]:
        path = shutil.which(name)
        if path is not None:
            return (path, *options)
    if importlib.util.find_spec("ziglang") is not None:
        return (sys.executable, "-m", "ziglang", "c++")
    return None


def _built(command: tuple[str, ...], folder: Path) -> tuple[Path, str]:
    """Return the library's place and digest; workers that compile it at the same time put the same file there."""
    flags = (*FLAGS, *_native())
    stem = f"{LIBRARY}-{_recipe(command, flags)}"
    for place in folder.glob(f"{stem}-*.so"):
        digest = _digest(place)
        if place.name == f"{stem}-{digest}.so":
            return place, digest
        place.unlink(missing_ok=True)  # broken, by a full disk or a power cut
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        for name in SOURCES:
            shutil.copy(Path(__file__).with_name(name), scratch)
        made = Path(scratch) / f"{LIBRARY}.so"
        order = [*command, *flags, "-o", made.name, *(name for name in SOURCES if name.endswith(".cpp"))]
        log.info("compiling the kernel by %s, once on this machine", command[0])
        begun = time.monotonic()
        _run(order, Path(scratch))
        log.info("the kernel is compiled, in %.0f s", time.monotonic() - begun)
        with made.open("rb+") as file:
            os.fsync(file.fileno())
        digest = _digest(made)
        return made.replace(folder / f"{stem}-{digest}.so"), digest


def _run(order: list[str], scratch: Path) -> bytes:
    """Run a compiler and return what it prints."""
    # The package ziglang keeps a cache of its own, for which a container may have no other place.
    environment = os.environ | {"ZIG_GLOBAL_CACHE_DIR": str(scratch)}
    done = subprocess.run(order, cwd=scratch, env=environment, check=True, capture_output=True, timeout=TIMEOUT_SECONDS)
    return done.stdout


def _digest(library: Path) -> str:
    return hashlib.sha256(library.read_bytes()).hexdigest()[:16]


def _native() -> tuple[str, ...]:
    """Return the flags for all that this processor can do."""
    if platform.machine() in ("x86_64", "AMD64"):
        # By default compilers use half of a 64-byte register, for processors that slowed down at the whole.
        return "-march=native", "-mprefer-vector-width=512"
    return ("-mcpu=native",)


def _recipe(command: tuple[str, ...], flags: tuple[str, ...]) -> str:
    """Return a digest of all that decides the machine code."""
    with tempfile.TemporaryDirectory() as scratch:
        version = _run([*command, "--version"], Path(scratch))
    found = hashlib.sha256(version + repr(flags).encode() + _processor().encode())
    for name in SOURCES:
        found.update(Path(__file__).with_name(name).read_bytes())
    return found.hexdigest()[:24]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(sorted({line for line in lines if line.startswith(CPU_LINES)}))


@contextmanager
def _folder() -> Iterator[Path]:
    """Give the folder of compiled kernels: $WHYDEEP_KERNELS, else in the user's cache, else one for this process alone.

    A library in a folder that others may write would be code of theirs. A folder for this process is removed
    afterwards: a loaded library needs its file no more.
    """
    place = _kept()
    if place is not None:
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="whydeep-kernels-") as passing:
        yield Path(passing)


def _kept() -> Path | None:
    given: str = read_settings(Settings).kernels
    cache_home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        place = Path(given or f"{cache_home}/whydeep/kernels").expanduser()
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = place.stat()
        if found.st_uid == os.getuid() and not found.st_mode & 0o022 and os.access(place, os.W_OK):
            return place
        log.warning("others may write to %s: the kernel is compiled for this process alone", place)
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        log.warning("%s: the kernel is compiled for this process alone", error)
    return None
