"""``python -m hefu``."""

from hefu.cli import main

main()
