"""The whole way of a message, beside the least that it could cost."""
import contextlib

import labs
from instrument import Instrument, cost_us, parts_us
from stats import Row

NAME = "pipeline"
QUICK = True
DEVICES, IN_FLIGHT = 64, 4
ROWS = (
    Row("message / floor", "message_us", "floor_us", "us CPU", 2.1, 1.5, says="text up, answer and event down; floor: same hops, crypto, TLS"),
)


@contextlib.contextmanager
def scene(_quick):
    with labs.lab(DEVICES) as it:
        labs.seats(it)
        with labs.devices(it, DEVICES, in_flight=IN_FLIGHT) as ours, Instrument("bench_floor", "--devices", DEVICES, "--in-flight", IN_FLIGHT) as floor:
            def measure(ms):
                mine, least = ours.round(ms), floor.round(ms)
                sample = {"message_us": cost_us(mine), "floor_us": cost_us(least)}
                for name, us in parts_us(mine).items():
                    sample[f"{name}_us"] = us
                for name, us in parts_us(least).items():
                    sample[f"floor_{name}_us"] = us
                return sample
            yield measure
