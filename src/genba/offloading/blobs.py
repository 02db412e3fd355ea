"""The store of blobs: a local folder, or whatever fsspec has a driver for. A blob is called after the SHA-256 of what is in it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

from . import files
from .bounds import Bounds, Removed


class BlobError(Exception):
    """A blob could not be written or read. The message says why, in words for a span's reader."""


class Blobs(Protocol):
    """Keeps bytes under their own hash, once."""

    place: str
    """Where, for a person."""
    is_remote: bool
    removed: Removed
    """What was deleted to stay within bounds."""

    def put(self, content: bytes, digest: str, suffix: str = "") -> str:
        """Have it there; its URI.

        Raises:
            BlobError: it is not there, and why.
        """

    def read(self, uri: str, digest: str) -> bytes:
        """What is in a blob.

        Raises:
            BlobError: it is not there, or is something else.
        """


def opened(place: str, bounds: Bounds) -> Blobs:
    """The store at `place`, a folder or a URL. Nothing is touched yet."""
    local = local_folder(place)
    return Remote(place) if local is None else Folder(local, bounds)


def local_folder(place: str) -> Path | None:
    """The folder that `place` names; None if it is a URL of another kind."""
    if place.startswith("file:"):
        return Path(unquote(urlsplit(place).path) or "/")
    return None if "://" in place else Path(place).expanduser().absolute()


class Folder:
    """A folder of this machine, for any number of processes."""

    is_remote = False

    def __init__(self, folder: Path, bounds: Bounds) -> None:
        self.place = str(folder)
        self.removed = Removed()
        self._folder = folder
        self._bounds = bounds

    def put(self, content: bytes, digest: str, suffix: str = "") -> str:
        """Have it there; its URI."""
        if self._bounds.max_bytes is not None and len(content) > self._bounds.max_bytes:
            raise BlobError(f"it alone is larger than the {self._bounds.max_bytes} bytes that the blobs may take")
        file = self._folder / digest[:2] / f"{digest}{suffix}"
        try:
            if not _is_there(file, len(content)):
                files.make_folder(self._folder)
                file.parent.mkdir(exist_ok=True)
                files.write(file, content)
                self.removed += self._bounds.keep(self._folder, len(content))
        except OSError as error:
            raise BlobError(f"the file could not be written: {error.strerror or type(error).__name__}") from error
        return file.as_uri()

    def read(self, uri: str, digest: str) -> bytes:
        """What is in a blob. It is looked for in this folder first: that may have been moved."""
        named = Path(unquote(urlsplit(uri).path))
        for file in (self._folder / digest[:2] / named.name, *([named] if uri.startswith("file:") else [])):
            with contextlib.suppress(OSError):
                return checked(file.read_bytes(), uri, digest)
        raise BlobError(f"{uri} is not there any more")


class Remote:
    """A place of fsspec's: object stores write a blob whole or not at all; elsewhere one of another length is written again."""

    is_remote = True
    KNOWN: Final = 4096
    """Blobs of which this process remembers that they are there: asking is a journey."""

    def __init__(self, url: str) -> None:
        self.place = re.sub(r"://[^/@]*@", "://", url).rstrip("/")
        """Without the password that a URL may carry: this goes on spans."""
        self.removed = Removed()
        self._url = url.rstrip("/")
        self._filesystem: Any = None
        self._path = ""
        self._pid = os.getpid()
        self._known: dict[str, None] = {}

    def put(self, content: bytes, digest: str, suffix: str = "") -> str:
        """Have it there; its URI."""
        name = f"{digest[:2]}/{digest}{suffix}"
        if name not in self._known:
            filesystem, folder = self._connected()
            path = f"{folder}/{name}"
            try:
                if not _has(filesystem, path, len(content)):
                    filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
                    filesystem.pipe_file(path, content)
            except Exception as error:  # each driver has its own
                raise BlobError(f"{self.place} could not be written: {_words(error)}") from error
            self._remember(name)
        return f"{self.place}/{name}"

    def read(self, uri: str, digest: str) -> bytes:
        """What is in a blob of this place."""
        filesystem, folder = self._connected()
        name = uri.rpartition("/")[2]
        try:
            content = filesystem.cat_file(f"{folder}/{digest[:2]}/{name}")
        except Exception as error:  # each driver has its own
            raise BlobError(f"{uri} could not be read: {_words(error)}") from error
        return checked(content, uri, digest)

    def _connected(self) -> tuple[Any, str]:
        if self._filesystem is None or self._pid != os.getpid():  # a driver's connections are not for a forked child
            try:
                from fsspec.core import url_to_fs

                self._filesystem, path = url_to_fs(self._url)
            except ImportError as error:
                hint = "run: pip install 'genba[offload]'" if (error.name or "").startswith("fsspec") else f"{error}"
                raise BlobError(f"the driver for {self.place} is not installed: {hint}") from error
            except Exception as error:  # each driver has its own
                raise BlobError(f"{self.place} could not be opened: {_words(error)}") from error
            self._path, self._pid = str(path).rstrip("/"), os.getpid()
        return self._filesystem, self._path

    def _remember(self, name: str) -> None:
        if len(self._known) >= self.KNOWN:
            self._known.clear()
        self._known[name] = None


def checked(content: bytes, uri: str, digest: str) -> bytes:
    """The content, if its hash is that.

    Raises:
        BlobError: it is something else.
    """
    if hashlib.sha256(content).hexdigest() != digest:
        raise BlobError(f"{uri} does not hold what was written there: its hash is another one")
    return content


def _is_there(file: Path, size: int) -> bool:
    """Whether it is there, whole: after a power failure a file may be shorter. Being asked for again keeps it from being the oldest."""
    try:
        if file.stat().st_size != size:
            return False
    except FileNotFoundError:
        return False
    with contextlib.suppress(OSError):
        now = time.time()
        os.utime(file, (now, now))
    return True


def _has(filesystem: Any, path: str, size: int) -> bool:
    try:
        return bool(filesystem.info(path).get("size") == size)
    except FileNotFoundError:
        return False


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
