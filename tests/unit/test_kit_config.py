"""Settings: defaults, file, variables, and one clear sentence for each mistake."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from pi5.domain.errors import ConfigurationFault
from pi5.kit.config import load_settings
from pi5.kit.home import Home, open_home


def load(tmp_path: Path, text: str = "", **variables: str):
    if text:
        (tmp_path / "pi5.yaml").write_text(text, encoding="utf-8")
    return load_settings(Home(tmp_path), environment=variables)


def test_defaults_need_no_file(tmp_path: Path) -> None:
    """Without a file and variables the system is a paper system on port 8080."""
    settings = load(tmp_path)
    assert (settings.system.environment, settings.web.port) == ("paper", 8080)
    assert settings.risk.max_position_share == Decimal("0.15")


def test_variables_go_over_the_file(tmp_path: Path) -> None:
    """A PI5_ variable wins over the file, and lists are written with commas."""
    settings = load(
        tmp_path,
        "web:\n  port: 9000\nrisk:\n  max_position_share: 0.1\n",
        PI5_WEB__PORT="9001",
        PI5_DATABASE_URL="postgresql:///x",
        PI5_DATA__SYNTHETIC__SYMBOLS="A,B",
    )
    assert settings.web.port == 9001
    assert settings.database.url == "postgresql:///x"
    assert settings.data.synthetic.symbols == ("A", "B")
    assert settings.risk.max_position_share == Decimal("0.1")


@pytest.mark.parametrize(
    ("text", "variables", "code", "words"),
    [
        ("web:\n  prot: 1\n", {}, "CONFIG_UNKNOWN_KEY", "did you mean web.port"),
        ("wep: {}\n", {}, "CONFIG_UNKNOWN_KEY", "did you mean web"),
        ("web:\n  port: many\n", {}, "CONFIG_INVALID", "web.port"),
        ("web: [1\n", {}, "CONFIG_SYNTAX", "not valid YAML"),
        ("- 1\n", {}, "CONFIG_SYNTAX", "sections"),
        ("system:\n  environment: Live\n", {}, "CONFIG_INVALID", "system.environment"),
        ("", {"PI5_WEB__PROT": "1"}, "CONFIG_UNKNOWN_KEY", "PI5_WEB__PROT"),
        ("", {"PI5_PORT": "1"}, "CONFIG_UNKNOWN_KEY", "two underscores"),
        ("", {"PI5_WEB__PORT": "x"}, "CONFIG_INVALID", "PI5_WEB__PORT"),
        ("", {"PI5_CONFIG": "/nowhere.yaml"}, "CONFIG_NOT_FOUND", "/nowhere.yaml"),
        ("services:\n  dota: {}\n", {}, "CONFIG_UNKNOWN_KEY", "dota"),
    ],
)
def test_mistakes_are_told_in_one_sentence(tmp_path: Path, text, variables, code, words) -> None:
    """Each mistake names the file or variable, the key, and what to do."""
    with pytest.raises(ConfigurationFault) as caught:
        load(tmp_path, text, **variables)
    assert caught.value.code == code
    assert words in caught.value.message
    assert "\n" not in caught.value.message


def test_a_home_too_long_for_sockets_is_refused() -> None:
    """Unix sockets have short names, so a deep PI5_HOME is refused with its reason."""
    with pytest.raises(ConfigurationFault, match="too long for unix sockets"):
        open_home(Path("/" + "x" * 120))
