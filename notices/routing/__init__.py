"""Who hears of what: the routing file, read and checked, and what it says of an alert."""
