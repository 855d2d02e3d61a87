"""Campaigns: a fault at a place of a command, very many times, and a judgement of what is left each time.

``invoke campaign NAME`` runs one; docs/campaigns.md says what they try. ``registry`` lists them, ``points`` says what a
campaign is made of, ``runner`` shares the points out among the processes of ``worker``, ``after`` judges a database.
"""

import sys
from pathlib import Path

_HELPERS = str(Path(__file__).resolve().parents[1] / "helpers")
if _HELPERS not in sys.path:
    # Outside of pytest, which has them in its pythonpath.
    sys.path.append(_HELPERS)
