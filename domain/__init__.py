"""What the business talks about: events, merchants, MCCs, fees, cards and alerts. No I/O."""
