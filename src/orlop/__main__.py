"""``python -m orlop``."""

from orlop.cli.main import main

main()
