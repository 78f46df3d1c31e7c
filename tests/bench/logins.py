"""A login with all that belongs to it, beside a login at an IM server that people run, and beside the one TLS handshake that it contains."""
import contextlib
import subprocess

import labs
import peers
from instrument import Instrument, cost_us, parts_us, path
from stats import Row

NAME = "logins"
QUICK = True
AT_ONCE = 64
ROWS = (
    Row("login / prosody", "login_us", "prosody_us", "us CPU", 0.6, 0.4, says="64 at once, seat and TLS included; SASL PLAIN over TLS, passwords kept in clear"),
    Row("login / ejabberd", "login_us", "ejabberd_us", "us CPU", 0.6, 0.4, says="the same"),
    Row("login / full TLS handshake", "login_us", "handshake_us", "us CPU", 2.0, 1.5, says="client side alone, without a socket"),
)


def handshake_us():
    return float(subprocess.run([path("bench_tls"), "full", "300"], stdout=subprocess.PIPE, text=True, check=True).stdout) / 1000


@contextlib.contextmanager
def scene(_quick):
    with contextlib.ExitStack() as stack:
        them = {}
        for key, server in (("prosody_us", peers.prosody), ("ejabberd_us", peers.ejabberd)):
            where = stack.enter_context(server(AT_ONCE))
            if where:
                them[key] = stack.enter_context(Instrument("bench_clients", "--port", where[0], "--pids", f"peer={where[1]}", "--script", "xmpp",
                                                           "--connections", AT_ONCE))
        it = stack.enter_context(labs.lab(AT_ONCE))
        labs.seats(it)
        ours = stack.enter_context(labs.devices(it, AT_ONCE, churn=True))

        def measure(ms):
            mine = ours.round(2 * ms)
            sample = {"login_us": cost_us(mine), "handshake_us": handshake_us()}
            sample |= {f"login_{name}_us": us for name, us in parts_us(mine).items()}
            return sample | {key: one.cost_us(2 * ms) for key, one in them.items()}
        yield measure
