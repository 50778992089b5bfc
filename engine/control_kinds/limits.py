"""How much a version of a control may hold: the room that `engine.features.event.REFERENCE` has for it."""

MAX_REGIMES = 8
"""Most regimes of regulated prices."""
MAX_LAYOUTS = 8
"""Most layouts of acceptor numbers."""
MAX_ACQUIRERS = 32
"""Most acquirers that a layout is limited to."""
MAX_APPROVAL_CODES = 16
"""Most response codes that approve, of a scheme."""
MAX_RATES = 64
"""Most currencies with a rate, the acquirer's own among them."""
