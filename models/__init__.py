"""What learns: how odd each value of a series is, and what the merchants of each MCC look like."""
