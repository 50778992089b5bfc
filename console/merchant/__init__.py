"""What the page of a merchant shows of what the store has: profiles in words, days as charts and tables."""
