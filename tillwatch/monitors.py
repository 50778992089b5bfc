"""The monitors that commands run: as the settings have them, with a worker or without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.controls import Controls
from engine.features.pipeline import FeaturePipeline
from engine.monitor import Monitor, MonitorConfig
from tillwatch.logs import read_controls

if TYPE_CHECKING:
    from tillwatch.settings import Settings


def new_monitor(settings: Settings, partition: int) -> Monitor:
    """A partition's monitor as the settings have it, that can be checkpointed."""
    detectors = settings.make_detectors()
    return Monitor(monitor_config(settings), partition, settings.partitions, detectors=detectors, checkpoints=True)


def replaying_monitor(settings: Settings) -> Monitor:
    """A monitor for all merchants, that knows every version of the controls in the settings' log, if there is one."""
    monitor = Monitor(monitor_config(settings), detectors=settings.make_detectors(), historic=True)
    monitor.learn(read_controls(settings))
    return monitor


def replaying_pipeline(settings: Settings) -> FeaturePipeline:
    """Makes rows of features of all merchants, under the controls that `replaying_monitor` knows."""
    config = monitor_config(settings)
    controls = Controls((), config.controls)
    controls.learn(read_controls(settings))
    pipeline = FeaturePipeline(config, historic=True)
    pipeline.state.set_in_force(controls.in_force())
    pipeline.set_id_forms(controls.id_forms())
    return pipeline


def monitor_config(settings: Settings) -> MonitorConfig:
    """What a monitor is told of its acquirer."""
    return MonitorConfig(
        capacity=settings.capacity,
        time_zone=settings.time_zone,
        controls=settings.controls(),
        foreign=bool(settings.foreign_topic),
    )
