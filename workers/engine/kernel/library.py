"""The kernel as a shared library: compiled once per machine, kept on disk, loaded once per process."""

import ctypes
import hashlib
import importlib.util
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from workers.settings import Settings, read_settings

SOURCES = ("dense.cpp", "permutations.cpp", "updates.hpp", "activations.hpp", "products.hpp")
LIBRARY = "kernel"
FLAGS = ("-std=c++17", "-O3", "-fno-math-errno", "-shared", "-fPIC")
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
TIMEOUT_SECONDS = 300.0
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
        place = _built(command, _folder())
        content = place.read_bytes()
        return Kernel(functions=_loaded(place), digest=hashlib.sha256(content).hexdigest()[:16])
    except (OSError, subprocess.SubprocessError) as error:
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
    named = os.environ.get("CXX")
    for name in (named,) if named else COMPILERS:
        path = shutil.which(name)
        if path is not None:
            return (path,)
    if importlib.util.find_spec("ziglang") is not None:
        return (sys.executable, "-m", "ziglang", "c++")
    return None


def _built(command: tuple[str, ...], folder: Path) -> Path:
    """Return the library's place; workers that compile it at the same time put the same file there."""
    flags = (*FLAGS, *_native())
    place = folder / f"{LIBRARY}-{_recipe(command, flags)}.so"
    if place.exists():
        return place
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        for name in SOURCES:
            shutil.copy(Path(__file__).with_name(name), scratch)
        made = Path(scratch) / f"{LIBRARY}.so"
        order = [*command, *flags, "-o", made.name, *(name for name in SOURCES if name.endswith(".cpp"))]
        log.info("compiling the kernel by %s, once on this machine", command[0])
        begun = time.monotonic()
        # The package ziglang keeps a cache of its own, which a container may have no place for.
        environment = os.environ | {"ZIG_GLOBAL_CACHE_DIR": scratch}
        subprocess.run(order, cwd=scratch, env=environment, check=True, capture_output=True, timeout=TIMEOUT_SECONDS)
        log.info("the kernel is compiled, in %.0f s", time.monotonic() - begun)
        made.replace(place)
    return place


def _native() -> tuple[str, ...]:
    """Return the flags for all that this processor can do."""
    if platform.machine() in ("x86_64", "AMD64"):
        # By default compilers use half of a 64-byte register, for processors that slowed down at the whole.
        return "-march=native", "-mprefer-vector-width=512"
    return ("-mcpu=native",)


def _recipe(command: tuple[str, ...], flags: tuple[str, ...]) -> str:
    """Return a digest of all that decides the machine code."""
    version = subprocess.run([*command, "--version"], check=True, capture_output=True, timeout=TIMEOUT_SECONDS).stdout
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


def _folder() -> Path:
    """Return the folder of compiled kernels: $WHYDEEP_KERNELS, else in the user's cache, else of this process alone.

    A library in a folder that others may write would be code of theirs.
    """
    given: str = read_settings(Settings).kernels
    cache_home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    place = Path(given or f"{cache_home}/whydeep/kernels").expanduser()
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = place.stat()
        if found.st_uid == os.getuid() and not found.st_mode & 0o022 and os.access(place, os.W_OK):
            return place
        log.warning("others may write to %s: the kernel is compiled for this process alone", place)
    except OSError as error:
        log.warning("%s: the kernel is compiled for this process alone", error)
    return Path(tempfile.mkdtemp(prefix="whydeep-kernels-"))
