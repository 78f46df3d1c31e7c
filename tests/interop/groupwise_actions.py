"""What a test may plan for a request to the independent Messenger server."""

from groupwise_people import wait
from groupwise_wire import *      # noqa: F403


def refuse(code):
    async def act(wire, _, number):
        wire.answer(number, code=code)
        return "done"
    return act


def ignore():
    """No answer at all."""
    async def act(*_):
        return "done"
    return act


def redirect():
    async def act(wire, _, number):
        wire.write(b"HTTP/1.0 301\r\n\r\n" + b"".join(map(encode, (
            text("nnmIPAddress", "127.0.0.2"), text("nnmPort", 8300), text("NM_A_SZ_RESULT_CODE", 0),
            text("NM_A_SZ_TRANSACTION_ID", number)))) + bytes(1))
        return "done"
    return act


def cut(after):
    """Ends the connection in the middle of the answer; a fraction of its length."""
    async def act(wire, request, number):
        whole, wire.write = [], lambda data: whole.append(data)
        wire.carry_out(request, number)
        del wire.write
        data = b"".join(whole)
        wire.write(data[:int(len(data) * after)])
        await wire.writer.drain()
        wire.writer.close()
        return "done"
    return act


def send(data, close=False):
    """These bytes, then the true answer, or the end."""
    async def act(wire, _, __):
        wire.write(data)
        if close:
            wire.writer.close()
            return "done"
        return None
    return act


class Hold:
    """Keeps requests unanswered until released, in the order the test wants."""

    def __init__(self, server):
        self.server, self.held = server, []

    async def __call__(self, wire, request, number):
        self.held.append((wire, request, number))
        return "done"

    def wait(self, count):
        wait(lambda: len(self.held) >= count, f"{count} requests to hold, {len(self.held)} came")

    def release(self, order=None):
        held, self.held = self.held, []
        for i in order if order is not None else range(len(held)):
            self.server.call(held[i][0].carry_out, held[i][1], held[i][2])
