"""The kernel's library: compiled once, kept, and only where it cannot be another's code."""

import ctypes
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from workers.engine.kernel import library


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    library.kernel.cache_clear()
    yield
    library.kernel.cache_clear()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of kernels, and sources that compile in no time."""
    sources = tmp_path / "sources"
    sources.mkdir()
    for name in library.SOURCES:
        (sources / name).write_text("")
    (sources / library.SOURCES[0]).write_text('extern "C" void answer(int* found) { *found = 42; }\n')
    monkeypatch.setattr(library, "__file__", str(sources / "library.py"))
    monkeypatch.setattr(library, "SIGNATURES", {"answer": (library.PLACE,)})
    monkeypatch.setenv("WHYDEEP_KERNELS", str(tmp_path / "kernels"))
    return tmp_path / "kernels"


def answer(kernel: library.Kernel) -> int:
    found = ctypes.c_int()
    kernel.functions.answer(ctypes.addressof(found))
    return found.value


def test_the_library_is_compiled_once_and_found_again(folder: Path) -> None:
    """Catches a recipe that differs each time; another source must give another library."""
    first = library.kernel()
    assert first is not None and answer(first) == 42
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (place,) = folder.iterdir()
    made = place.stat().st_mtime_ns
    library.kernel.cache_clear()
    again = library.kernel()
    assert again is not None and again.digest == first.digest and place.stat().st_mtime_ns == made
    source = Path(library.__file__).with_name(library.SOURCES[0])
    source.write_text(source.read_text().replace("42", "43"))
    library.kernel.cache_clear()
    other = library.kernel()
    assert other is not None and answer(other) == 43 and other.digest != first.digest


@pytest.mark.parametrize("length", [0, 100, 9000])
def test_a_broken_library_is_compiled_again(folder: Path, length: int) -> None:
    """A power cut may leave one. Caught mutation: it is loaded, and every start of a runner dies of it."""
    first = library.kernel()
    assert first is not None
    (place,) = folder.iterdir()
    content = place.read_bytes()
    place.unlink()  # the loaded one keeps its own
    place.write_bytes(content[:length])
    library.kernel.cache_clear()
    again = library.kernel()
    assert again is not None and again.digest == first.digest and answer(again) == 42
    (place,) = folder.iterdir()
    assert place.read_bytes() == content


def test_a_folder_that_others_may_write_is_not_trusted(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Catches code of another user that is loaded into a runner."""
    folder.mkdir()
    folder.chmod(0o777)
    found = library.kernel()
    assert found is not None and answer(found) == 42
    assert list(folder.iterdir()) == [] and "others may write" in caplog.text


def test_a_compiler_that_fails_is_none_and_says_why(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Catches an error that ends the runner, and a half-made library that is left for others."""
    Path(library.__file__).with_name(library.SOURCES[0]).write_text("no C++ at all\n")
    assert library.kernel() is None
    assert "does not compile" in caplog.text and "dense.cpp:1" in caplog.text
    assert list(folder.iterdir()) == []


def test_the_compiler_is_the_named_one_or_the_first_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a machine without any that is said to have one, and a name that is ignored."""
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(library.importlib.util, "find_spec", lambda name: None)
    assert library.compiler() is None and library.kernel() is None
    for name in ("clang++", "mine"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        os.chmod(tmp_path / name, 0o755)
    assert library.compiler() == (str(tmp_path / "clang++"),)
    monkeypatch.setenv("CXX", "mine")
    assert library.compiler() == (str(tmp_path / "mine"),)
    monkeypatch.setenv("CXX", "missing")
    assert library.compiler() is None
