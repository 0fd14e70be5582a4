"""``python -m detector`` is the script ``oddflow``."""

from detector.cli import main

main()
