"""With `--record-support`, say in `genba/support.json` which libraries passed all their tests, in which version, on which day."""

from __future__ import annotations

import datetime as dt
import json
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from genba.libraries import LIBRARIES, Library
from genba.support import RECORD


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-support", action="store_true", help="write what passed into the support table")


class Recorder:
    """Takes note of how the tests of each library went."""

    def __init__(self) -> None:
        self.passed: dict[str, int] = {}
        self.failed: set[str] = set()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Any:
        report = (yield).get_result()
        for library in about(item):
            if report.failed:
                self.failed.add(library.name)
            elif report.when == "call" and report.passed:
                self.passed[library.name] = self.passed.get(library.name, 0) + 1

    def pytest_sessionfinish(self) -> None:
        said: dict[str, Any] = json.loads(RECORD.read_text()) if RECORD.exists() else {}
        for name in sorted(self.passed.keys() - self.failed):
            library = LIBRARIES[name]
            try:
                version = metadata.version(library.distribution)
            except metadata.PackageNotFoundError:
                continue
            run = said.setdefault(name, {}).setdefault(version, {"day": "", "python": []})
            run["day"] = dt.datetime.now(dt.timezone.utc).date().isoformat()
            run["python"] = sorted(
                {*run["python"], f"{sys.version_info.major}.{sys.version_info.minor}"}, key=lambda one: int(one[2:])
            )
        RECORD.write_text(json.dumps(said, indent=1, sort_keys=True) + "\n")


def about(item: pytest.Item) -> list[Library]:
    """The libraries that a test is about: told by its file, or by the client that it plays."""
    path = Path(item.path)
    # A module of tests about several libraries lists them as `ABOUT`.
    words = {*path.parts, path.stem.removeprefix("test_"), *getattr(getattr(item, "module", None), "ABOUT", ())}
    played = getattr(getattr(item, "callspec", None), "params", {}).values()
    words |= {one.library for one in played if isinstance(getattr(one, "library", None), str)}
    package = next((one.package for one in played if isinstance(getattr(one, "package", None), str)), None)
    return [
        library
        for library in LIBRARIES.values()
        if words & {library.name, library.module.rpartition(".")[2]}
        or (package is not None and package in (library.name, *library.imports))
    ]
