"""`tillwatch doctor`: looks for faults of settings, machine and log, and names the cure of each."""

from tillwatch.doctor.run import command

__all__ = ["command"]
