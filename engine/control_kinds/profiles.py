"""The control kind `profiles`: what the merchants of each MCC look like; null for none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.profiles import Profiles
from engine.control_kinds.kind import ControlKind, file_or_null

if TYPE_CHECKING:
    from collections.abc import Mapping


def _decode(body: bytes) -> Profiles | None:
    return None if body == b"null" else Profiles.decoded(body)


def _install(reference: Any, in_force: Mapping[str, Any]) -> None:
    profiles = in_force["profiles"]
    for p, profile in enumerate(profiles.profiles if profiles else ()):
        reference["profiles"] = p + 1
        reference["profile_mcc"][0, p] = int(profile.mcc)
        reference["profile_mean"][0, p] = profile.mean
        reference["profile_deviation"][0, p] = profile.deviation


KIND = ControlKind(
    name="profiles",
    name_zh="行业画像",
    decode=_decode,
    default=file_or_null("profiles"),
    install=_install,
    settings=("profiles",),
)
