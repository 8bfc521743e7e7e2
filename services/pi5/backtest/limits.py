"""The limits a run is held to where it names none: those of the system's settings."""

from __future__ import annotations

from pi5.domain.limits import DEFAULT_LIMITS, Limits, Sizing, SizingMethod
from pi5.kit.settings import RiskSettings


def system_limits(settings: RiskSettings) -> Limits:
    """Return the configured limits over the built-in ones."""
    return Limits(
        max_position_share=settings.max_position_share,
        max_exposure_share=settings.max_exposure_share,
        max_daily_loss_share=settings.max_daily_loss_share,
        allow_short=settings.allow_short,
        max_price_age_ms=settings.max_price_age_ms,
        sizing=Sizing(
            method=SizingMethod[settings.sizing.method.upper()],
            fixed_qty=settings.sizing.fixed_qty,
            fraction=settings.sizing.fraction,
        ),
    ).over(DEFAULT_LIMITS)
