"""The entry of `pi5`: finds the command's module, imports that one alone, and says faults plainly.

Every module of this folder without a leading underscore is the command of its name, and brings
`register(app)`. A trailing underscore is dropped, so that `import_` can be `pi5 import`.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

_PACKAGE = "pi5.cli"


def commands() -> dict[str, str]:
    """Return the module of each command by the command's name."""
    names = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return {name.rstrip("_"): name for name in names if name != "main" and name[0] != "_"}


def build(modules: Iterable[str]) -> typer.Typer:
    """Return the command line with the commands of these modules."""
    import typer

    app = typer.Typer(
        name="pi5",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for module in ("_place", *modules):
        importlib.import_module(f"{_PACKAGE}.{module}").register(app)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0, 1 for a fault, or 2 for wrong usage."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # What lives for months does without the command line's own imports.
    if len(words) == 2 and words[0] == "serve" and not words[1].startswith("-"):
        from pi5.kit.lifecycle import serve

        return serve(words[1])
    if words == ["up"]:
        from pi5.cli.up import start

        return _say_faults(start)
    known = commands()
    called = [known[word] for word in words if word in known]
    app = build(called[:1] or known.values())
    return _say_faults(lambda: app(args=words, prog_name="pi5"))


def _say_faults(run: Callable[[], None]) -> int:
    """Run a command and turn how it ends into an exit code."""
    from pi5.domain.errors import Fault

    try:
        run()
    except Fault as fault:
        print(f"error {fault.code}: {fault.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
