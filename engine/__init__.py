"""One partition's monitor: decode, rows, feature families and kernel, episodes, risk score. No Faust."""
