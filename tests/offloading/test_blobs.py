"""A blob is there whole or not at all, once, whoever writes it; what cannot be written says why; a folder keeps within its bounds."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest

from genba.offloading.blobs import BlobError, opened
from genba.offloading.bounds import Bounds, Removed

CONTENT = b"honey " * 100_000


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def files_in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("??/*") if file.is_file())


def put(folder: Path, content: bytes, bounds: Bounds | None = None) -> str:
    return opened(str(folder), bounds or Bounds()).put(content, digest_of(content))


WRITER = """
import hashlib, sys
from genba.offloading.blobs import opened
from genba.offloading.bounds import Bounds
content = b"honey " * 100_000
blobs = opened(sys.argv[1], Bounds())
print("ready", flush=True)
sys.stdin.readline()
for _ in range(50):
    print(blobs.put(content, hashlib.sha256(content).hexdigest()))
"""


def test_eight_processes_write_the_same_blob_at_once_and_there_is_one(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "blobs")]
    writers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    told = {line for writer in writers for line in writer.communicate("go\n")[0].splitlines()}
    assert [writer.returncode for writer in writers] == [0] * 8
    [file] = files_in(tmp_path / "blobs")
    assert told == {file.as_uri()}
    assert file.read_bytes() == CONTENT


KILLED = """
import os, signal, sys
from pathlib import Path
from genba.offloading.blobs import opened
from genba.offloading.bounds import Bounds
import hashlib
content = b"honey " * 100_000
Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
opened(sys.argv[1], Bounds()).put(content, hashlib.sha256(content).hexdigest())
"""


def test_a_writer_that_dies_before_the_end_leaves_no_blob_and_what_it_leaves_goes(tmp_path: Path) -> None:
    """Killed between having written a file and giving it its name."""
    folder = tmp_path / "blobs"
    assert subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False).returncode == -signal.SIGKILL
    [left] = files_in(folder)
    assert left.name.endswith(".part")
    put(folder, CONTENT)
    assert {file.name for file in files_in(folder)} == {left.name, digest_of(CONTENT)}
    os.utime(left, (time.time() - 7200,) * 2)
    put(folder, b"another")
    put(folder, b"a third", Bounds())
    assert sorted(file.read_bytes() for file in files_in(folder)) == sorted([CONTENT, b"another", b"a third"])


def test_a_blob_that_is_not_whole_is_written_again(tmp_path: Path) -> None:
    """As a power failure leaves it."""
    put(tmp_path, CONTENT)
    [file] = files_in(tmp_path)
    file.write_bytes(CONTENT[:1000])
    put(tmp_path, CONTENT)
    assert file.read_bytes() == CONTENT


def test_a_blob_is_its_owners_only_and_no_matter_for_git(tmp_path: Path) -> None:
    put(tmp_path / "blobs", CONTENT)
    [file] = files_in(tmp_path / "blobs")
    assert file.stat().st_mode & 0o077 == 0
    assert (tmp_path / "blobs" / ".gitignore").read_text() == "*\n"


def test_what_was_tampered_with_is_not_given_out(tmp_path: Path) -> None:
    uri = put(tmp_path, CONTENT)
    blobs = opened(str(tmp_path), Bounds())
    assert blobs.read(uri, digest_of(CONTENT)) == CONTENT
    with pytest.raises(BlobError, match="its hash is another one"):
        blobs.read(Path("/etc/hostname").as_uri(), digest_of(b"something else"))
    files_in(tmp_path)[0].unlink()
    with pytest.raises(BlobError, match="not there any more"):
        blobs.read(uri, digest_of(CONTENT))


def test_a_folder_that_was_moved_is_still_read(tmp_path: Path) -> None:
    uri = put(tmp_path / "before", CONTENT)
    (tmp_path / "before").rename(tmp_path / "after")
    assert opened(str(tmp_path / "after"), Bounds()).read(uri, digest_of(CONTENT)) == CONTENT


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    import resource  # POSIX only

    program = (
        "import resource, signal, sys, hashlib\n"
        "from genba.offloading.blobs import BlobError, opened\nfrom genba.offloading.bounds import Bounds\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    opened(sys.argv[1], Bounds()).put(b'x' * 5000, hashlib.sha256(b'x' * 5000).hexdigest())\n"
        "except BlobError as error:\n    print(error)\n"
    )
    assert resource.RLIMIT_FSIZE is not None
    ran = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert ran.stdout == "the file could not be written: File too large\n"
    assert files_in(tmp_path) == []


def test_the_oldest_go_first_when_the_folder_is_too_large(tmp_path: Path) -> None:
    bounds = Bounds(max_bytes=10_000)
    blobs = opened(str(tmp_path), bounds)
    for age, letter in enumerate((b"a", b"b", b"c"), 1):
        content = letter * 3000
        put(tmp_path, content)
        os.utime(tmp_path / digest_of(content)[:2] / digest_of(content), (time.time() - 1000 + age,) * 2)
    put(tmp_path, b"a" * 3000)  # asked for again: now the newest
    new = b"d" * 3000
    blobs.put(new, digest_of(new))
    assert sorted(file.read_bytes()[:1] for file in files_in(tmp_path)) == [b"a", b"c", b"d"]
    assert blobs.removed == Removed(1, 3000)


def test_what_is_too_old_goes(tmp_path: Path) -> None:
    put(tmp_path, CONTENT)
    os.utime(files_in(tmp_path)[0], (time.time() - 100_000,) * 2)
    blobs = opened(str(tmp_path), Bounds(max_seconds=86_400))
    blobs.put(b"new", digest_of(b"new"))
    assert [file.read_bytes() for file in files_in(tmp_path)] == [b"new"]
    assert blobs.removed == Removed(1, len(CONTENT))


def test_a_blob_larger_than_all_of_them_may_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BlobError, match="it alone is larger than the 1000 bytes"):
        put(tmp_path, CONTENT, Bounds(max_bytes=1000))
    assert not files_in(tmp_path)


def test_a_file_url_is_that_folder(tmp_path: Path) -> None:
    folder = tmp_path / "with a blank"
    uri = opened(folder.as_uri(), Bounds()).put(CONTENT, digest_of(CONTENT))
    assert [file.as_uri() for file in files_in(folder)] == [uri]


def test_fsspec_takes_them_once(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    place = f"memory://{uuid4().hex}/blobs"
    blobs = opened(place, Bounds())
    uri = blobs.put(CONTENT, digest_of(CONTENT), "_inputs.json")
    assert uri == f"{place}/{digest_of(CONTENT)[:2]}/{digest_of(CONTENT)}_inputs.json"
    filesystem = fsspec.filesystem("memory")
    assert filesystem.cat_file(uri.removeprefix("memory:/")) == CONTENT
    filesystem.pipe_file(uri.removeprefix("memory:/"), b"half")
    assert opened(place, Bounds()).put(CONTENT, digest_of(CONTENT), "_inputs.json") == uri
    assert opened(place, Bounds()).read(uri, digest_of(CONTENT)) == CONTENT


def test_a_driver_that_is_not_there_is_named(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    with pytest.raises(BlobError, match=r"the driver for s3://bucket/blobs is not installed: .*s3fs"):
        opened("s3://key:secret@bucket/blobs", Bounds()).put(CONTENT, digest_of(CONTENT))
