"""What settings say of controls: published once as version 0, and held against what is in force after that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from engine.control_kinds.registry import KINDS
from streams.controls import ControlsReader, publish_first

if TYPE_CHECKING:
    from streams.log import Log
    from tillwatch.language import Say
    from tillwatch.settings import Settings

_PUBLISHER = "worker"
_MOST_SHOWN = 3


def seed_controls(log: Log, settings: Settings, say: Say) -> list[str]:
    """Publish version 0 of every kind that has no version: what the settings say, or the product has.

    Returns:
        A line for each kind of which the log's newest version says something else than settings and product: the log
        counts.

    Raises:
        NotPublished: others publish on and on.
    """
    bodies = {kind: settings.control(kind) for kind in KINDS}
    publish_first(log, bodies, by=_PUBLISHER)
    reader = ControlsReader(log)
    reader.read_all()
    lines = []
    for kind, body in bodies.items():
        in_force = reader.standing(kind)
        if not in_force:
            continue  # this version cannot read what there is, as the reader has told
        newest = in_force[-1]
        if KINDS[kind].decode(body) != newest.value:
            lines.append(_line(kind, newest.control.version, bytes(newest.control.body), body, say))
    return lines


def _line(kind: str, version: int, published: bytes, body: bytes, say: Say) -> str:
    """What differs, which counts, and how the other is put in force."""
    names = KINDS[kind].settings
    source = f"the settings {' and '.join(names)}" if names else "what this version ships"
    source_zh = f"设置 {'、'.join(names)}" if names else "本版本自带的内容"
    found, name_zh = _differences(published, body, say), KINDS[kind].name_zh
    command = f"tillwatch controls publish --kind {kind} --from-settings --in 10m"
    return say(
        f"{kind}: version {version} of the log counts, not {source}: {found}. To put the latter in force: {command}",
        f"{name_zh}（{kind}）：以日志中的第 {version} 版为准，而非{source_zh}：{found}。如需启用后者：{command}",
    )


def _differences(published: bytes, body: bytes, say: Say) -> str:
    """The first leaves that differ, as `late_s 86400 in the log, 3600 here`."""
    none = say("not set", "未设")
    log, here = (dict(_leaves(msgspec.json.decode(each))) for each in (published, body))
    paths = [path for path in dict.fromkeys([*log, *here]) if log.get(path, none) != here.get(path, none)]
    shown = [
        say(f"{path} {was} in the log, {now} here", f"{path} 日志中为 {was}，此处为 {now}")
        for path in paths[:_MOST_SHOWN]
        for was, now in [(log.get(path, none), here.get(path, none))]
    ]
    left = len(paths) - len(shown)
    return say("; ", "；").join([*shown, *([say(f"{left} more", f"另有 {left} 处")] if left else [])])


def _leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """Numbers and texts of JSON with their paths, such as `mcc_jump.base`."""
    if not isinstance(value, dict | list):
        return [(path or "all", value)]
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return [leaf for name, each in items for leaf in _leaves(each, f"{path}.{name}".lstrip("."))]
