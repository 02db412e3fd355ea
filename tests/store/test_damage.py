"""Files that are damaged, foreign, too new or out of reach."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from genba.store import connection
from genba.store.errors import StoreError
from genba.store.reader import Store
from genba.store.schema import PAGE_SIZE, VERSION
from genba.store.stored import valued
from genba.store.writer import StoreWriter
from store.example import chat, span
from support.programs import SOURCE, TESTS

WRITE = """
import sys
from pathlib import Path
from genba.store.errors import StoreError
from genba.store.stored import valued
from genba.store.writer import StoreWriter
from store.example import span
#
try:
    writer = StoreWriter(Path(sys.argv[1]))
    for _ in range(int(sys.argv[2])):
        writer.write([span(attributes={"x": "y" * 1000}) for _ in range(10)])
    print("stored")
except StoreError as error:
    print(error)
"""
READ = """
import sys
from genba.store.reader import Store
#
with Store(sys.argv[1]) as store:
    print(len(store.spans()))
"""


def filled(path: Path, spans: int = 300) -> bytes:
    writer = StoreWriter(path)
    writer.write([chat(("user", os.urandom(200).hex()), ("assistant", "x" * number)) for number in range(spans)])
    writer.close()
    return path.read_bytes()


def names(path: Path) -> list[str]:
    with Store(path) as store:
        return [one.name for one in store.spans(1000)]


def aside(path: Path) -> list[Path]:
    return sorted(file for file in path.parent.iterdir() if ".corrupt-" in file.name)


def nobody(program: str, *arguments: str) -> str:
    """What a program prints that runs as a user who may write nothing. It changes when all is imported: Python may be root's alone."""
    imports, _, rest = program.partition("#\n")
    changes = "import os\nif os.getuid() == 0:\n    os.setgid(65534)\n    os.setuid(65534)\n"
    done = subprocess.run(
        [sys.executable, "-c", imports + changes + rest, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(SOURCE)])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that any user can reach: pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    for each in (folder, *folder.rglob("*")):
        each.chmod(each.stat().st_mode | stat.S_IRWXU)
    shutil.rmtree(folder)


def test_a_file_that_is_no_database_is_moved_aside_and_kept(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is not a database, but somebody may want it" * 100)
    writer = StoreWriter(path)
    written = writer.write([span(name="new")])
    writer.close()
    (kept,) = aside(path)
    assert kept.read_bytes().startswith(b"this is not")
    assert names(path) == ["new"]
    assert written.stored == 1
    assert written.notice is not None
    assert str(path) in written.notice
    assert str(kept) in written.notice


def test_a_file_torn_anywhere_never_keeps_new_spans_from_being_stored(path: Path) -> None:
    whole = filled(path)
    for cut in (1, 15, 99, 100, 5000, PAGE_SIZE, PAGE_SIZE + 1, 2 * PAGE_SIZE, len(whole) // 2, len(whole) - 1):
        shutil.rmtree(path.parent)
        path.parent.mkdir()
        path.write_bytes(whole[:cut])
        writer = StoreWriter(path)
        assert writer.write([span(name="new", single_content={"a": b"1"})]).stored == 1, cut
        writer.close()
        with Store(path) as store:
            assert [one.name for one in store.spans(1)] == ["new"], cut


@pytest.mark.parametrize("page", [0, 1, 2, 3, 4, 5, 6, 7])
def test_pages_of_rubbish_never_keep_new_spans_from_being_stored(path: Path, page: int) -> None:
    whole = bytearray(filled(path))
    whole[page * PAGE_SIZE : (page + 1) * PAGE_SIZE] = os.urandom(PAGE_SIZE)
    path.write_bytes(whole)
    writer = StoreWriter(path)
    for _ in range(3):
        assert writer.write([chat(("user", "q"), ("assistant", "a")) for _ in range(50)]).stored == 50
    writer.close()
    with Store(path) as store:
        assert len(store.spans(50)) == 50


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    writer = StoreWriter(path)
    assert writer.write([span()]).notice is None
    writer.close()
    assert len(names(path)) == 1


def test_the_wrong_process_does_not_move_the_new_store_aside(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"rubbish" * 1000)
    seen = connection.identity(path)
    path.rename(path.with_name("elsewhere"))
    path.write_bytes(b"rubbish of another file" * 1000)
    assert connection.set_aside(path, seen) is None
    assert path.exists()


def test_a_store_of_a_newer_genba_is_left_as_it_is(path: Path) -> None:
    filled(path)
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {VERSION + 1}")
    database.close()
    before = path.read_bytes()
    for attempt in (lambda: StoreWriter(path).write([span()]), lambda: Store(path)):
        with pytest.raises(StoreError, match="newer genba") as refused:
            attempt()
        assert str(path) in str(refused.value)
        assert f"schema version {VERSION + 1}" in str(refused.value)
        assert "pip install -U genba" in str(refused.value)
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE spans (x)")
    database.close()
    before = path.read_bytes()
    for attempt in (lambda: StoreWriter(path).write([span()]), lambda: Store(path)):
        with pytest.raises(StoreError, match="another program"):
            attempt()
    assert path.read_bytes() == before
    assert aside(path) == []


def test_a_file_of_the_user_s_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_text("print('mine')\n" * 50)
    with pytest.raises(StoreError, match="not a genba store"):
        StoreWriter(path).write([span()])
    assert path.read_text().startswith("print('mine')")
    assert not (tmp_path / ".gitignore").exists()


def test_a_store_deleted_under_an_open_writer_is_made_anew(writer: StoreWriter, path: Path) -> None:
    writer.write([span(name="old", run_id="r", resource={"a": "b"})])
    shutil.rmtree(path.parent)
    writer.write([span(name="new", run_id="r", resource={"a": "b"})])
    with Store(path) as store:
        (found,) = store.spans()
    assert (found.name, found.run_id, found.resource) == ("new", "r", {"a": "b"})


def test_the_folder_keeps_prompts_out_of_repositories(writer: StoreWriter, path: Path) -> None:
    writer.write([span()])
    assert (path.parent / ".gitignore").read_text() == "*\n"


def test_a_folder_that_was_there_before_keeps_its_files_in_repositories(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "calls.db")
    writer.write([span()])
    writer.close()
    assert not (tmp_path / ".gitignore").exists()


def test_a_path_below_a_file_is_refused_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    writer = StoreWriter(tmp_path / "file" / "genba.db")
    for _ in range(2):
        with pytest.raises(StoreError, match="GENBA_STORE=PATH") as refused:
            writer.write([span()])
        assert str(tmp_path / "file") in str(refused.value)


def test_a_folder_that_cannot_be_written_is_refused_with_the_fix(shared: Path) -> None:
    shared.chmod(0o555)
    for path in (shared / "genba.db", shared / ".genba" / "genba.db"):
        said = nobody(WRITE, str(path), "1")
        assert str(path) in said
        assert "GENBA_STORE=PATH" in said
        assert "Traceback" not in said


def test_a_file_that_cannot_be_written_is_refused_with_the_fix(shared: Path) -> None:
    path = shared / "genba.db"
    filled(path)
    path.chmod(0o444)
    shared.chmod(0o555)
    said = nobody(WRITE, str(path), "1")
    assert "cannot be written" in said
    assert str(path) in said


def test_a_store_in_a_folder_that_cannot_be_written_can_be_read(shared: Path) -> None:
    filled(shared / "genba.db", 3)
    (shared / "genba.db").chmod(0o444)
    shared.chmod(0o555)
    assert nobody(READ, str(shared / "genba.db")) == "3\n"


def test_a_full_disk_is_an_error_and_what_was_stored_stays(path: Path) -> None:
    filled(path, 20)

    def little_room() -> None:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    done = subprocess.run(
        [sys.executable, "-c", WRITE, str(path), "200"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(SOURCE)])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=little_room,
    )
    assert "stored" not in done.stdout, done.stderr
    assert str(path) in done.stdout
    assert "Traceback" not in done.stderr
    assert len(names(path)) >= 20


def test_there_is_no_store_where_nothing_was_recorded(path: Path) -> None:
    with pytest.raises(StoreError, match="genba run app") as missing:
        Store(path)
    assert str(path) in str(missing.value)
    assert not path.parent.exists()


@pytest.mark.parametrize("content", [b"rubbish" * 100, b"SQLite format 3\0" + b"\xff" * 200])
def test_reading_a_file_that_is_no_database_is_refused_and_changes_nothing(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged or no SQLite database"):
        Store(path)
    assert path.read_bytes() == content


def test_reading_an_empty_file_says_that_nothing_was_recorded(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with pytest.raises(StoreError, match="is empty"):
        Store(path)


def test_damage_found_while_reading_is_told_as_such(path: Path) -> None:
    whole = bytearray(filled(path))
    for page in range(2, len(whole) // PAGE_SIZE):
        whole[page * PAGE_SIZE : (page + 1) * PAGE_SIZE] = os.urandom(PAGE_SIZE)
    path.write_bytes(whole)
    with Store(path) as store, pytest.raises(StoreError, match="damaged"):
        store.spans(1000)


def test_a_torn_file_is_read_or_refused_but_never_surprises(path: Path) -> None:
    whole = filled(path)
    for cut in range(1, len(whole), 7919):
        path.write_bytes(whole[:cut])
        try:
            with Store(path) as store:
                for one in store.spans(1000):
                    valued(store.content(one))
                    store.exchange(one)
        except StoreError as error:
            assert str(path) in str(error)  # noqa: PT017  # either is right


def test_reading_changes_no_byte_of_the_store(path: Path, opened: Callable[[], Store]) -> None:
    before = filled(path)
    store = opened()
    for one in store.spans(1000):
        store.content(one)
        store.exchange(one)
    store.latest()
    store.close()
    assert path.read_bytes() == before


def test_what_a_killed_process_had_stored_can_be_read(path: Path) -> None:
    program = WRITE.replace('print("stored")', "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    done = subprocess.run(
        [sys.executable, "-c", program, str(path), "3"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(SOURCE)])},
        timeout=60,
        check=False,
    )
    assert done.returncode == -9
    assert len(names(path)) == 30
