"""`tillwatch demo`: simulated terminals and a worker on a log of their own, and a live view of them."""

from tillwatch.demo.run import command

__all__ = ["command"]
