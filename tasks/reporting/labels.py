"""How an engine, a number and a duration are written, the same in every report."""

from __future__ import annotations

from datetime import datetime

from tasks.records import Profile


def engine_label(engine: str, model: str | None) -> str:
    return f"{engine} · {model}" if model else engine


def profile_label(profile: Profile) -> str:
    """`embedded · layout cdla · tables slanet · ocr rapidocr`: only what ran."""
    parts = [("layout", profile.layout), ("tables", profile.tables), ("ocr", profile.ocr)]
    return " · ".join([profile.name, *(f"{part} {engine}" for part, engine in parts if engine)])


def number(value: int) -> str:
    """1234567 -> 1,234,567."""
    return f"{value:,}"


def plural(value: int, noun: str, nouns: str | None = None) -> str:
    """`1 picture`, `2 pictures`, `3,000 pages`."""
    return f"{value:,} {noun if value == 1 else nouns or noun + 's'}"


def duration(seconds: float) -> str:
    """`0.04 s`, `9.3 s`, `1 min 05 s`, `2 h 07 min`."""
    if seconds < 0.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes:02d} min"


def size(size_bytes: int) -> str:
    """`812 B`, `1.4 MB`: decimal units, as storage is sold and billed."""
    value = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} TB"


def money(value: float | None, currency: str | None) -> str:
    """`1,234.50 USD`, `0.0031 USD`, `0 USD`; "unknown" where no price was given."""
    if value is None:
        return "unknown"
    if value == 0:
        shown = "0"
    elif value < 0.0001:
        shown = "under 0.0001"
    else:
        shown = f"{value:,.2f}" if value >= 1 else f"{value:.4f}"
    return f"{shown} {currency}" if currency else shown


def setting(value: str | int | float | bool | None) -> str:
    """An option's value in words."""
    if value is None:
        return "default"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def moment(when: datetime) -> str:
    """`22 Nov 2026, 16:24 UTC`, in the zone that the moment carries."""
    month = "JanFebMarAprMayJunJulAugSepOctNovDec"[3 * when.month - 3 : 3 * when.month]
    zone = f" {when.tzname()}" if when.tzinfo else ""
    return f"{when.day} {month} {when.year}, {when:%H:%M}{zone}"
