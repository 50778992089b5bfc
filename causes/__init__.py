"""What many merchants of one agent, rep, channel, pair of MCCs or city show within days, told as one cause."""
