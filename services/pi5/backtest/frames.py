"""How worker and service frame messages; apart, so that the service loads no engine."""

from __future__ import annotations

import struct

LENGTH = struct.Struct("<I")  # bytes of the message that follows
LONGEST = 64 * 1024 * 1024
