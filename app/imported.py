"""All that the processes of `sipas serve` need, imported by the one they are forked from (`core/nursery`).

What were missing here, each would read from the files for itself: slowly, and perhaps of another release.

What was imported stays, so it is set apart from what is looked over for garbage. Looking alone would write to
all of it, and each process would then hold a copy of its own.
"""

import gc

from app import bootstrap, cli, main, worker
from app.commands import serving
from app.core import behind

__all__ = ["behind", "bootstrap", "cli", "main", "serving", "worker"]

gc.collect()
gc.freeze()
