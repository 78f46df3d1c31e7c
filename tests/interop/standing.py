"""The clocks of a lab that stand, beside an independent server, which takes no part in them: nobody but us waits for it."""
import asyncio

DAEMONS = ("router", "dispatcher", "collab")


async def work():
    """Rounds of the server's loop: what has come is read, handled and answered."""
    for _ in range(10):
        await asyncio.sleep(0)


def settle(lab, server):
    """Until what was said on either side was heard and answered on the other, there, back and there again."""
    for _ in range(3):
        for name in DAEMONS:
            lab.ask(name, "clock.settle")
        server.wait_for(work())


def advance(lab, server, seconds):
    """Moves the clocks. A server that had not answered yet would be one that answers so much later."""
    settle(lab, server)
    now = lab.ask("collab", "clock.show")["now_ms"]
    for name in DAEMONS:
        lab.ask(name, "clock.advance", to_ms=now + int(seconds * 1000))
