"""Whatever call of the system fails, the old file is whole or the new one is, and nothing else is left behind."""

from __future__ import annotations

import builtins
import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import steepest.io
from steepest.errors import DataError, OptionError
from steepest.io import check_suffix, check_writable, replacing, write_bytes, write_text

CALLS = ("open", "close", "chmod", "fsync", "replace", "unlink")


class Faults:
    """The system calls of steepest.io, of which the k-th fails."""

    def __init__(self, k: int, error: int) -> None:
        self.k, self.error, self.made = k, error, list[str]()

    def __getattr__(self, name: str) -> Any:
        return self.wrapped(name, getattr(os, name)) if name in CALLS else getattr(os, name)

    def wrapped(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            self.made.append(name)
            if len(self.made) == self.k:
                if name == "close":
                    os.close(args[0])  # a close that fails has closed all the same
                raise OSError(self.error, os.strerror(self.error))
            return call(*args, **options)

        return counted


def written_with(faults: Faults, path: Path, monkeypatch: pytest.MonkeyPatch) -> DataError | None:
    with monkeypatch.context() as patch:
        patch.setattr(steepest.io, "os", faults)
        patch.setattr(steepest.io, "open", faults.wrapped("write", builtins.open), raising=False)
        try:
            write_text(path, "new")
        except DataError as error:
            return error
    return None


@pytest.mark.parametrize("name", ["run.csv", "run", ".parquet", "run.parquet.gz", "run.parquet\n"])
def test_a_name_that_says_another_format_is_refused(name: str) -> None:
    check_suffix("run.PARQUET", [".json", ".parquet"])
    with pytest.raises(OptionError, match=r"must end in \.json or \.parquet"):
        check_suffix(name, [".json", ".parquet"])


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("k", range(1, 13))
def test_the_kth_call_fails(k: int, error: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.txt"
    path.write_text("old")
    faults = Faults(k, error)
    raised = written_with(faults, path, monkeypatch)
    moved = "replace" in faults.made and faults.made.index("replace") + 1 != k
    assert path.read_text() == ("new" if moved else "old")
    assert (raised is None) == moved
    if raised:
        assert str(path) in str(raised) and os.strerror(error) in str(raised)
    assert os.listdir(tmp_path) == ["run.txt"]


def test_all_calls_were_made_to_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run.txt").write_text("old")
    faults = Faults(0, 0)
    assert written_with(faults, tmp_path / "run.txt", monkeypatch) is None
    assert len(faults.made) < 13
    assert set(faults.made) == {*CALLS, "write"}


FULL = """
import resource, sys
from steepest.io import write_bytes
from steepest.errors import DataError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_bytes(sys.argv[1], b"x" * 100_000)
except DataError as error:
    sys.stdout.write(str(error))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_a_real_refusal_of_the_system(tmp_path: Path) -> None:
    path = tmp_path / "run.bin"
    path.write_bytes(b"old")
    run = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True)
    assert "File too large" in run.stdout
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["run.bin"]


@pytest.mark.parametrize("text", ["", "y = 3x\n", "θ ← θ − η∇L\r\n", "x" * 100_000])
def test_what_is_written_is_read(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for _ in range(2):  # new, then over the old one
        write_text(str(path), text)
        assert path.read_bytes() == text.encode()
    assert os.listdir(tmp_path) == ["a.txt"]


def test_an_error_in_the_block_is_passed_on(tmp_path: Path) -> None:
    path = tmp_path / "plot.png"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
        assert temporary.suffix == ".png" and temporary.parent == tmp_path
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["plot.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and links")
def test_permissions_and_links_are_kept(tmp_path: Path) -> None:
    path, link = tmp_path / "private.txt", tmp_path / "link.txt"
    path.write_text("old")
    path.chmod(0o600)
    link.symlink_to(path)
    write_text(link, "new")
    assert link.is_symlink() and path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (".", "it is a folder"),
        ("", "it is a folder"),
        ("missing/run.parquet", "there is no folder"),
        ("file.txt/run.parquet", "there is no folder"),
        ("pipe", "it is no ordinary file"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="named pipes")
def test_refused_before_the_run(path: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file.txt").write_text("old")
    os.mkfifo("pipe")
    before = sorted(os.listdir())
    for call in (check_writable, lambda path: write_bytes(path, b"new")):
        with pytest.raises(OptionError, match=words) as caught:
            call(path)
        assert repr(path) in str(caught.value)
    assert sorted(os.listdir()) == before


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize(("closed", "words"), [("folder", "cannot be written"), ("folder/run.txt", "write-protected")])
def test_no_permission(closed: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "run.txt"
    path.parent.mkdir()
    path.write_text("old")
    (tmp_path / closed).chmod(0o500)
    with pytest.raises(OptionError, match=words):
        write_text(path, "new")
    (tmp_path / closed).chmod(0o700)
    assert path.read_text() == "old"


def test_check_writable_accepts_and_leaves_no_trace(tmp_path: Path) -> None:
    check_writable(tmp_path / "new.txt")
    assert not os.listdir(tmp_path)
