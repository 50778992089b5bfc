"""`python -m tillwatch`."""

from tillwatch.cli import main

main()
