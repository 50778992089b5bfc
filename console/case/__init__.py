"""What the page of a case shows of what the store has: evidence in words, charts, the timeline."""
