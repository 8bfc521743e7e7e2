"""Finding plug-ins: each file is judged on its own, and loading again sees what changed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pi5.domain.errors import NotFound, Precondition
from pi5.strategy.loader import load_catalog

GOOD = """
from pi5.strategy.api import Parameter, Strategy

class Steady(Strategy):
    name = "steady"
    description = "Buys at once."
    bars = Parameter(3, minimum=1, description="Bars.")

    def on_bar(self, context, bar):
        context.buy("steady")
"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return folder


def test_the_included_library_is_sound() -> None:
    """Every included strategy loads without a problem, ma-crossover among them."""
    found = {item.name: item for item in load_catalog().types()}
    assert "ma-crossover" in found
    assert [item for item in found.values() if item.problem] == []
    assert {item.origin for item in found.values()} == {"included"}


def test_a_file_in_a_folder_becomes_a_type(tmp_path: Path) -> None:
    """A class with a name, a description and a hook is all a plug-in needs."""
    catalog = load_catalog([write(tmp_path, steady=GOOD)])
    found = next(item for item in catalog.types() if item.name == "steady")
    assert (found.problem, found.origin) == ("", str(tmp_path / "steady.py"))
    assert catalog.strategy("steady").description == "Buys at once."


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("def broken(:\n", "line 1: "),
        ("import nothing_of_this_name\n", "line 1: ModuleNotFoundError"),
        ("raise SystemExit(3)\n", "line 1: SystemExit: 3"),
        ("answer = 42\n", "it holds no Strategy with a name"),
        (GOOD.replace('"steady"', '"Not Steady"'), "lower case letters"),
        (GOOD.replace("Parameter(3,", "Parameter(0,"), "a whole number of at least 1"),
        (GOOD.replace("on_bar", "on_nothing"), "define on_bar or on_quote"),
        (GOOD.replace('description = "Buys at once."', ""), "needs a description"),
        (GOOD + "\n    def __init__(self):\n        pass\n", "must not define __init__"),
        (GOOD + "\n    @property\n    def warm_up(self):\n        return -1\n", "bars of warm-up"),
        (GOOD + "\n    def check(self):\n        raise ValueError('never')\n", "never"),
        (GOOD.replace("bars = ", "check = "), "may not call a parameter 'check'"),
        (GOOD.replace('"steady"', '"ma-crossover"'), "is taken by the one from included"),
    ],
)
def test_a_broken_file_is_reported_and_the_others_load(
    tmp_path: Path, source: str, problem: str
) -> None:
    """One bad plug-in says what is wrong with it and spoils nothing else."""
    write(tmp_path, bad=source, good=GOOD.replace('"steady"', '"well"'))
    catalog = load_catalog([tmp_path])
    bad = [item for item in catalog.types() if item.problem]
    assert len(bad) == 1
    assert problem in bad[0].problem
    assert catalog.strategy("well").name == "well"
    assert catalog.strategy("ma-crossover").name == "ma-crossover"


def test_asking_for_a_broken_or_unknown_type_says_why(tmp_path: Path) -> None:
    """The refusal carries the plug-in's problem, or the names that there are."""
    catalog = load_catalog([write(tmp_path, bad="raise ValueError('no luck')")])
    with pytest.raises(Precondition, match="line 1: ValueError: no luck"):
        catalog.strategy("bad")
    with pytest.raises(NotFound, match=r"there are: .*ma-crossover"):
        catalog.strategy("nope")


def test_loading_again_sees_changes_also_of_a_parent_in_another_file(tmp_path: Path) -> None:
    """A reload takes the new text of a plug-in and of the file it inherits from."""
    parent = "class Base:\n    word = 'old'\n"
    child = "from base_of_child import Base\n" + GOOD.replace("(Strategy)", "(Base, Strategy)")
    write(tmp_path, base_of_child=parent, child=child)
    before = load_catalog([tmp_path]).strategy("steady")
    write(tmp_path, base_of_child=parent.replace("old", "new"))
    after = load_catalog([tmp_path]).strategy("steady")
    assert (before.word, after.word) == ("old", "new")
    assert "base_of_child" not in sys.modules
    assert str(tmp_path) not in sys.path


def test_a_file_named_like_a_standard_module_hides_nothing(tmp_path: Path) -> None:
    """Plug-in folders come last in the search path."""
    write(tmp_path, colorsys="raise RuntimeError('hidden')", steady="import colorsys\n" + GOOD)
    sys.modules.pop("colorsys", None)
    assert load_catalog([tmp_path]).strategy("steady").name == "steady"
