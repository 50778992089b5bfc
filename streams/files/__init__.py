"""Files as they are: what they are is seen by their bytes, and a mapping makes events of their rows."""
