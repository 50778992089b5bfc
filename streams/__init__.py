"""The only Faust code: app, agents, topics, transports and intake."""

import os

os.environ.setdefault("NO_CYTHON", "1")
# A message here is a batch of thousands of records, so Faust's compiled paths would save nothing, and those
# in Python are repaired first. Faust reads this when it is imported.
