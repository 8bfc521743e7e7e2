"""`python -m pi5.serve NAME`: one service in this process, without the command line's imports."""

from __future__ import annotations

import sys

# structlog draws tracebacks with rich where it finds it; our logs are JSON, and not loading it
# saves five megabytes in each of eight processes.
sys.modules["rich"] = None  # type: ignore[assignment]

from pi5.kit.lifecycle import serve  # noqa: E402 - after the line above

if __name__ == "__main__":
    sys.exit(serve(sys.argv[1] if len(sys.argv) > 1 else ""))
