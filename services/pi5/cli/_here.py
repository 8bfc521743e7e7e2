"""The installation a command works on: its home folder and its settings."""

from __future__ import annotations

from dataclasses import dataclass

from pi5.kit.config import load_settings
from pi5.kit.home import Home, open_home
from pi5.kit.settings import Settings


@dataclass(frozen=True, slots=True)
class Here:
    """Home and settings."""

    home: Home
    settings: Settings


def here() -> Here:
    """Return the installation that PI5_HOME and PI5_CONFIG name.

    Raises:
        ConfigurationFault: the settings are wrong.
    """
    home = open_home()
    return Here(home, load_settings(home))
