"""The model that is shipped: of simulated merchants, to try out how everything works.

`bench/anomaly_traffic.py` says how its file is made.
"""

from pathlib import Path

NAME = "simulated"
FILE = Path(__file__).with_name(f"{NAME}.json")
