"""`python -m optimem.cli`."""

from optimem.cli import main

main()
