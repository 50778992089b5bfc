"""`python -m tillwatch`."""

from tillwatch.start import main

main()
