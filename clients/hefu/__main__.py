"""``python -m hefu``."""

from hefu.cli.main import main

main()
