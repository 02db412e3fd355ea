"""Run a program as `python` would, with genba started before its first line.

The program must not notice: its `__main__`, `sys.argv`, `sys.path[0]`, exit code and tracebacks are those that Python gives it. A child
process that `multiprocessing` spawns finds the program through `__main__`, so that has to be true as well.
"""

from __future__ import annotations

import io
import os
import pkgutil
import runpy
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import SourceFileLoader
from types import CodeType, ModuleType, TracebackType
from typing import NamedTuple, NoReturn


class Target(NamedTuple):
    """What to run: `app.py args…`, or `-m package args…`."""

    argv: Sequence[str]


def run_target(argv: Sequence[str], start: Callable[[], object]) -> NoReturn:
    """Call `start`, run the program, and exit as it does."""
    module = argv[1] if argv[0] == "-m" else argv[0][2:] if argv[0].startswith("-m") else None
    main = ModuleType("__main__")
    main.__dict__.update(__builtins__=__builtins__, __annotations__={})
    if module is not None:
        rest = argv[2:] if argv[0] == "-m" else argv[1:]
        _first_on_path(os.getcwd())  # noqa: PTH109  # sys.path holds text
        sys.argv[:] = ["-m", *rest]
        run = _module(module, alter_argv=True)
    elif _is_importable(argv[0]):
        # A folder or an archive with a __main__.py in it.
        _first_on_path(os.path.abspath(argv[0]), always=True)  # noqa: PTH100
        sys.argv[:] = list(argv)
        run = _module("__main__", alter_argv=False)
    else:
        path = os.path.join(os.getcwd(), argv[0])  # noqa: PTH109, PTH118  # as Python makes it: "./" stays
        code = _compiled(argv[0], path)
        _first_on_path(os.path.dirname(os.path.realpath(argv[0])))  # noqa: PTH120
        sys.argv[:] = list(argv)
        main.__dict__.update(
            __file__=path, __cached__=None, __loader__=SourceFileLoader("__main__", path), __spec__=None, __package__=None
        )
        run = _script(code, main)
    start()
    sys.modules["__main__"] = main
    _run_as_the_interpreter_does(run)


def _script(code: CodeType, main: ModuleType) -> Callable[[], object]:
    return lambda: exec(code, main.__dict__)  # noqa: S102  # that is what the command is for


def _module(name: str, *, alter_argv: bool) -> Callable[[], object]:
    # What `python -m` itself calls. `runpy.run_module` takes the module away again at its end, when threads may still need it.
    return lambda: runpy._run_module_as_main(name, alter_argv)  # type: ignore[attr-defined]  # noqa: SLF001


def _compiled(said: str, path: str) -> CodeType:
    try:
        with io.open_code(path) as file:
            compiled = pkgutil.read_code(file)
        if isinstance(compiled, CodeType):
            return compiled
        with io.open_code(path) as file:
            source = file.read()
    except OSError as error:
        print(f"genba run: can't open file {said!r}: {error.strerror}. Name a Python file, or a module after -m.", file=sys.stderr)
        sys.exit(2)
    try:
        return compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        sys.excepthook(type(error), error.with_traceback(None), None)
        sys.exit(1)


def _is_importable(path: str) -> bool:
    if os.path.isdir(path):  # noqa: PTH112
        return True
    importer = pkgutil.get_importer(os.path.abspath(path))  # noqa: PTH100
    return importer is not None and type(importer).__name__ == "zipimporter"


def _first_on_path(folder: str, *, always: bool = False) -> None:
    """Put the program's folder where the folder of the `genba` command was."""
    safe = getattr(sys.flags, "safe_path", False)
    if not safe:
        sys.path[0] = folder
    elif always:
        sys.path.insert(0, folder)


def _run_as_the_interpreter_does(run: Callable[[], object]) -> NoReturn:
    try:
        run()
    except SystemExit:
        raise
    except BaseException as error:
        # The host's own hook gets the host's own frames.
        trace = _without_ours(error.__traceback__)
        error.__traceback__ = trace
        sys.excepthook(type(error), error, trace)
        if isinstance(error, KeyboardInterrupt):
            # Only by passing through the interpreter does it end the process by the signal, as shells expect.
            sys.excepthook = lambda *_: None
            raise
        sys.exit(1)
    sys.exit(0)


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    kept = trace
    while kept is not None and kept.tb_frame.f_code.co_filename in (__file__, runpy.__file__, "<frozen runpy>"):
        kept = kept.tb_next
    return kept if kept is not None else trace
