"""Finds strategy plug-ins: included ones, files in folders, and installed packages.

Every file is judged on its own: what is broken is reported with its problem, everything else loads.
Loading again gives new classes; strategies that run keep the class they were started with.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import inspect
import pkgutil
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType

from pi5.domain.errors import InvalidInput, NotFound, Precondition
from pi5.strategy import library
from pi5.strategy.api import Strategy
from pi5.strategy.plugin import StrategyType, problem_of

ENTRY_POINTS = "pi5.strategies"
INCLUDED = "included"
_MOST_FILES = 500
_PREFIX = "pi5_plugin_"
_LONGEST_PROBLEM = 500
# Runs a piece of a plug-in's code; the live service gives one with a time limit.
Runner = Callable[[Callable[[], ModuleType]], ModuleType]


def _run(code: Callable[[], ModuleType]) -> ModuleType:
    return code()


class Catalog:
    """The strategy types there are, by name; those with a problem say so."""

    def __init__(self, found: Iterable[StrategyType] = ()) -> None:
        self._types: dict[str, StrategyType] = {}
        for item in found:
            self._add(item)

    def _add(self, item: StrategyType) -> None:
        """Add a type; the first of a name wins, a later one is listed with that problem."""
        name = item.name
        if name in self._types:
            first = self._types[name]
            problem = item.problem or f"the name {name} is taken by the one from {first.origin}"
            name = f"{name} ({item.origin})"
            item = StrategyType(name, item.description, item.origin, None, problem)
        self._types[name] = item

    def types(self) -> list[StrategyType]:
        """Return all, by name."""
        return [self._types[name] for name in sorted(self._types)]

    def strategy(self, name: str) -> type[Strategy]:
        """Return the class of a type that can run.

        Raises:
            NotFound: UNKNOWN_STRATEGY_TYPE.
            Precondition: STRATEGY_TYPE_BROKEN.
        """
        found = self._types.get(name)
        if found is None:
            known = ", ".join(item.name for item in self.types() if not item.problem)
            raise NotFound(
                "UNKNOWN_STRATEGY_TYPE",
                f"there is no strategy type {name[:64]!r}; there are: {known}",
                field="type",
            )
        if found.strategy is None:
            raise Precondition(
                "STRATEGY_TYPE_BROKEN", f"{name} cannot run: {found.problem}", field="type"
            )
        return found.strategy


def load_catalog(folders: Sequence[Path] = (), run: Runner = _run) -> Catalog:
    """Look for plug-ins in the library, the folders in their order, and installed packages."""
    return Catalog([*_included(run), *_of_folders(folders, run), *_of_packages(run)])


def _included(run: Runner) -> Iterator[StrategyType]:
    for info in pkgutil.iter_modules(library.__path__):
        name = f"{library.__name__}.{info.name}"
        yield from _judge(partial(importlib.import_module, name), info.name, INCLUDED, run)


def _of_packages(run: Runner) -> Iterator[StrategyType]:
    """Entry points of the group name a module or a class; either way its module is looked at."""
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        package = point.dist.name if point.dist else point.value
        yield from _judge(partial(importlib.import_module, point.module), point.name, package, run)


def _of_folders(folders: Sequence[Path], run: Runner) -> Iterator[StrategyType]:
    for folder in folders:
        if not folder.is_dir():
            continue
        files = sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))
        with _importable(folder.resolve()):
            for path in files[:_MOST_FILES]:
                yield from _judge(partial(_load_file, path), path.stem, str(path), run)


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let the files of a folder import each other by name, always as they are now.

    The folder comes last in the search path, so a file called like a standard module hides nothing.
    """
    _forget_modules_of(folder)
    importlib.invalidate_caches()
    quiet = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    sys.path.append(str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.dont_write_bytecode = quiet
        _forget_modules_of(folder)


def _forget_modules_of(folder: Path) -> None:
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and Path(file).parent == folder and not name.startswith(("pi5.", _PREFIX)):
            del sys.modules[name]


def _load_file(path: Path) -> ModuleType:
    """Run a file as a module of its own, under a name that no other file has."""
    source = path.read_bytes()
    digest = hashlib.sha256(str(path).encode() + b"\0" + source).hexdigest()[:16]
    module = ModuleType(f"{_PREFIX}{path.stem}_{digest}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - that is a plug-in
    except BaseException:
        del sys.modules[module.__name__]
        raise
    return module


def _judge(
    load: Callable[[], ModuleType], stem: str, origin: str, run: Runner
) -> Iterator[StrategyType]:
    """Load one module and yield what it holds, or its problem."""
    try:
        module = run(load)
        classes = _strategies_in(module)
        if not classes:
            # A file that others import their base class from is no strategy and no mistake.
            if origin != INCLUDED and not _defines_base(module):
                yield StrategyType(stem, "", origin, None, "it holds no Strategy with a name")
            return
        for strategy in classes:
            problem = problem_of(strategy)[:_LONGEST_PROBLEM]
            name = strategy.name if isinstance(strategy.name, str) else stem
            usable = None if problem else strategy
            yield StrategyType(name or stem, str(strategy.description), origin, usable, problem)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a plug-in raises is its problem
        yield StrategyType(stem, "", origin, None, _problem(error, origin))


def _strategies_in(module: ModuleType) -> list[type[Strategy]]:
    """Return the strategies that a module defines; a base without a name is not one."""
    return [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Strategy)
        and value.__module__ == module.__name__
        and value.name
    ]


def _defines_base(module: ModuleType) -> bool:
    return any(
        inspect.isclass(value) and value.__module__ == module.__name__
        for value in vars(module).values()
    )


def _problem(error: BaseException, origin: str) -> str:
    """Say what is wrong and where, in a sentence."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"[:_LONGEST_PROBLEM]
    if isinstance(error, InvalidInput):
        return error.message[:_LONGEST_PROBLEM]
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == origin
    ]
    where = f"line {lines[-1]}: " if lines else ""
    return f"{where}{type(error).__name__}: {error}"[:_LONGEST_PROBLEM]
