"""`python -m pi5.serve NAME`: one service in this process, without the command line's imports."""

from __future__ import annotations

import sys

from pi5.kit.lifecycle import serve

if __name__ == "__main__":
    sys.exit(serve(sys.argv[1] if len(sys.argv) > 1 else ""))
