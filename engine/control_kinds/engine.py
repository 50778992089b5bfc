"""The control kind `engine`: how late a transaction may be, how long repeats are known, and the
acquirer's country.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from engine.control_kinds.kind import ControlKind

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_LATE_S = 30 * 86_400
USUAL_REPEAT_S = 7_200
"""Terminals and gateways repeat within minutes; two hours are what was known of a busy merchant before."""


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the engine is set to.

    Attributes:
        late_s: how far a transaction may lie behind its merchant's clock, seconds; beyond, a dead letter.
        repeat_s: how long a message is known, so that another like it is a repeat: so far behind the later of the
            merchant's clock and the record's own time, seconds, at most `late_s`. None for two hours, or `late_s` if
            that is less.
        country: ISO 3166 alpha-2 of the acquirer: cards issued elsewhere are foreign, its calendar counts.
    """

    late_s: Annotated[int, msgspec.Meta(ge=0, le=MOST_LATE_S)] = 86_400
    repeat_s: Annotated[int, msgspec.Meta(ge=0, le=MOST_LATE_S)] | None = None
    country: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")] = "CN"


def _decode(body: bytes) -> EngineSettings:
    try:
        found = msgspec.json.decode(body, type=EngineSettings)
    except msgspec.DecodeError as error:
        raise ValueError(
            f"engine must be late_s and repeat_s, 0 to {MOST_LATE_S}, and country, two capital letters: {error}"
        ) from error
    if found.repeat_s is not None and found.repeat_s > found.late_s:
        raise ValueError(f"repeat_s must be at most late_s, {found.late_s}, got {found.repeat_s}")
    return found


def _default(settings: Mapping[str, Any]) -> bytes:
    given = {name: settings[name] for name in KIND.settings if name in settings}
    said = msgspec.structs.asdict(EngineSettings(**given))
    return msgspec.json.encode({name: value for name, value in said.items() if value is not None})


def _install(reference: Any, in_force: Mapping[str, Any]) -> None:
    from engine.decoding.columns import pack  # noqa: PLC0415  it loads the compiler, which only a monitor needs

    engine: EngineSettings = in_force["engine"]
    reference["late_ms"] = engine.late_s * 1000
    repeat_s = min(USUAL_REPEAT_S, engine.late_s) if engine.repeat_s is None else engine.repeat_s
    reference["repeat_ms"] = repeat_s * 1000
    reference["home_country"] = pack(engine.country)


KIND = ControlKind(
    name="engine", name_zh="引擎设置", decode=_decode, default=_default, install=_install,
    settings=("late_s", "country"), toml=True,
)  # fmt: skip
