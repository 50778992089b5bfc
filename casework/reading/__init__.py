"""What pages show beyond the queue: alerts, merchants, the portfolio, search, the audit."""
