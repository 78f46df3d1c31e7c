"""How long a lab takes until all its processes are ready and linked, beside what is asked of it."""
import contextlib
import time

import labs
from stats import Row

NAME = "start"
QUICK = True
ROUNDS = 5
FIRST_S, LATER_S = 3.0, 1.0
ROWS = (
    Row("lab up, first / 3 s", "first_s", "first_asked_s", "s", 1.0, 0.5, says="a new folder: database, keys, certificate"),
    Row("lab up, later / 1 s", "later_s", "later_asked_s", "s", 1.0, 0.5, says="the same folder again"),
)


def up_s(it):
    start = time.monotonic()
    it.up()
    return time.monotonic() - start


def both():
    it = labs.lab(4)
    try:
        first = up_s(it)
        it.down()
        return {"first_s": first, "later_s": up_s(it), "first_asked_s": FIRST_S, "later_asked_s": LATER_S}
    finally:
        it.__exit__()


@contextlib.contextmanager
def scene(_quick):
    yield lambda _: both()
