"""What a test may plan for a request to the independent Communicator Web Access server."""
import asyncio
import json

from cwa_people import wait
from cwa_wire import Refused, node


def fail(code, detail="", **more):
    """The method is refused at once."""
    async def act(connection, request, sign):
        rid = request.tree.children[0].attrs.get("rid", "")
        await connection.answer(200, connection.response(node("requestFailed", connection.server.error(Refused(code, detail, **more)), rid=rid)),
                                sign, request.json)
        return "done"
    return act


def fail_later(code, detail="", **more):
    """The method is accepted, and its outcome is a failure."""
    async def act(connection, request, sign):
        rid = request.tree.children[0].attrs["rid"]
        await connection.answer(200, connection.response(node("requestAccepted", rid=rid)), sign, request.json)
        request.session.deliver(node("requestFailed", connection.server.error(Refused(code, detail, **more)), rid=rid))
        return "done"
    return act


def invalid():
    async def act(connection, request, sign):
        rid = request.tree.children[0].attrs["rid"]
        await connection.answer(200, connection.response(node("requestInvalid", connection.server.error(Refused(18001, "unexpected")), rid=rid)),
                                sign, request.json)
        return "done"
    return act


def error_alone(code, retry_after=None):
    """The whole envelope is refused."""
    async def act(connection, request, sign):
        more = [("Retry-After", str(retry_after))] if retry_after is not None else []
        await connection.answer(200, connection.errors(code), sign, request.json, more)
        return "done"
    return act


def status(number, retry_after=None, body=b"", type_="text/html", ticket=False):
    async def act(connection, _, sign):
        headers = [("Content-Type", type_)]
        if retry_after is not None:
            headers.append(("Retry-After", str(retry_after)))
        if ticket and sign:
            headers.append(("CWA-Ticket", connection.server.next_ticket(sign)))
        await connection.write(number, headers, body)
        return "done"
    return act


def cut(part):
    """All is done as asked, and the connection ends in the middle of the answer; a fraction of its length."""
    async def act(connection, request, sign):
        connection.cutting = part
        await connection.carry_out(request, sign)
        connection.writer.close()
        return "done"
    return act


def hang_up():
    """The connection ends, and nothing is done."""
    async def act(connection, *_):
        connection.writer.close()
        return "done"
    return act


def forget_first():
    """The session is forgotten just before."""
    async def act(connection, request, sign):
        if request.session:
            connection.server.end(request.session)
            request.session = None
    return act


def raw(data, close=True):
    """These bytes and nothing else."""
    async def act(connection, *_):
        connection.writer.write(data)
        await connection.writer.drain()
        if close:
            connection.writer.close()
        return "done"
    return act


def answer_with(tree, as_json=None):
    """This element in place of the answer; as_json: in that format, whatever was asked in. A function makes it of the request."""
    async def act(connection, request, sign):
        made = tree(request) if callable(tree) else tree
        form = as_json if as_json is not None else request.json or (request.session is not None and request.session.json)
        await connection.answer(200, made, sign, form)
        return "done"
    return act


def body(data, type_="text/xml; charset=utf-8"):
    """This body with a true head."""
    async def act(connection, _, sign):
        headers = [("Content-Type", type_)]
        if sign:
            headers.append(("CWA-Ticket", connection.server.next_ticket(sign)))
        await connection.write(200, headers, data if isinstance(data, bytes) else json.dumps(data).encode())
        return "done"
    return act


class Hold:
    """Keeps requests unanswered until released."""

    def __init__(self):
        self.held, self.event = [], asyncio.Event()

    async def __call__(self, connection, request, _):
        self.held.append(request)
        await self.event.wait()

    def wait(self, count=1):
        wait(lambda: len(self.held) >= count, f"{count} requests to hold, {len(self.held)} came")

    def release(self, server):
        server.call(self.event.set)
