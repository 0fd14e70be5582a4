"""``python -m detector.reference [--check]``."""

import sys

from detector.reference.pages import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
