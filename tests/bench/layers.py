"""Instructions for each message, layer by layer, as callgrind counts them: the same in every run, whatever else the machine does; and the
time of the device's whole leg, sealed and opened."""
import contextlib
import os
import re
import subprocess
import tempfile

import peers
from instrument import path
from stats import Row

NAME = "layers"
QUICK = True
FEW, MANY = 200, 1200          # the difference is what so many messages cost, without the start of the program
TIMED = 30000
ROUNDS = 5
ROWS = (
    Row("instructions: seal and open", "channel_instr", "bare-channel_instr", "instructions", 1.25, 1.1,
        says="all of protocol/channel and the envelope / zlib and EVP called directly"),
    Row("instructions: packet", "packet_instr", "bare-packet_instr", "instructions", 1.35, 1.15, says="encryption with its checks / EVP and crc32"),
    Row("instructions: compression", "pack_instr", "bare-pack_instr", "instructions", 1.1, 1.05, says="with its bounds / zlib"),
    Row("instructions: frames, envelope", "frame_instr", "bare-channel_instr", "instructions", 0.25, 0.15,
        says="two frames and their envelopes written and read / bare seal and open"),
    Row("time: seal and open", "channel_ns", "bare-channel_ns", "ns CPU", 1.25, 1.1, says="the same by the clock"),
)
LAYERS = ("channel", "packet", "pack", "frame", "bare-channel", "bare-packet", "bare-pack")


def collected(layer, count):
    """Instructions of one run in all."""
    with tempfile.TemporaryDirectory(prefix="bramble-callgrind-") as folder:
        done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", path("bench_layers"), layer, str(count)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True, env=dict(os.environ, LC_ALL="C"))
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def instructions(layer):
    return (collected(layer, MANY) - collected(layer, FEW)) / (MANY - FEW)


def nanoseconds(layer, count):
    return float(subprocess.run([path("bench_layers"), layer, str(count)], stdout=subprocess.PIPE, text=True, check=True).stdout)


@contextlib.contextmanager
def scene(quick):
    """Instructions are counted once: there is nothing to take a median of."""
    counted = {f"{layer}_instr": instructions(layer) for layer in LAYERS} if peers.find("valgrind") else {}
    timed = TIMED // 3 if quick else TIMED
    yield lambda _: counted | {f"{layer}_ns": nanoseconds(layer, timed) for layer in ("channel", "bare-channel")}
