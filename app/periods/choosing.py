"""One question about what may be shown, answered in a process of its own: what `apart` starts.

It imports no more than it needs, so that it begins at once. Whoever serves people goes first on a machine
that is busy. It reads until it has the question, and then on: where nobody is at the other end any more,
nobody wants an answer, and it ends.
"""

import os
import sys
import threading

import orjson

from app.periods.layers import Question

LESS_URGENT = 10
"""How much less, as `nice` counts."""


def _end_with_whoever_asked() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os._exit(1)  # from a thread there is no other way out of a computation


def main() -> None:
    """Read a line, write a line."""
    os.nice(LESS_URGENT)
    asked = sys.stdin.buffer.readline()
    threading.Thread(target=_end_with_whoever_asked, daemon=True).start()
    answer = Question.of(orjson.loads(asked)).answer()
    sys.stdout.buffer.write(orjson.dumps([sorted(layer) for layer in answer]) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
