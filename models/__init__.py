"""Models that learn: what a series usually does, online."""
