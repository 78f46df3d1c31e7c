"""Links between daemons that die without a word: half of one is swallowed, or all of it, or one side is told that the other has nothing more to
say, between Router and Dispatcher and between Dispatcher and Collaboration Service. Who waits for an answer finds it out by his own deadline; the
link is there again, under load, and all rules hold."""
import tempfile
import unittest

import bramble
import chaos
from relay import Relay

BY_DISPATCHER_OF_ROUTER = "the router no longer answers pings"
BY_ROUTER = "no answer to 1 pings"
BY_DISPATCHER_OF_SERVICE = "no answer to pings"
BY_SERVICE = "it does not answer pings"


class Case(unittest.TestCase):
    settings = ()

    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="bramble-half-open-"))
        offset = bramble.free_offset()
        cls.relays = {name: cls.enterClassContext(Relay(folder, name, port + offset, "--unit", "frame"))
                      for name, port in (("router", 3101), ("dispatcher", 3200))}
        cls.lab = cls.enterClassContext(chaos.Chaos(1, devices=4, seats=3, offset=offset, settings=(
            f"dispatcher.routers=127.0.0.1:{cls.relays['router'].port}", f"collab.dispatcher=127.0.0.1:{cls.relays['dispatcher'].port}",
            *cls.settings)))

    @classmethod
    def tearDownClass(cls):
        cls.lab.end()

    def said(self, who, sentence):
        return (self.lab.lab.dir / "log" / f"{who}.log").read_text(errors="replace").count(sentence)

    def befalls(self, to, word, finder=None, sentence=None):
        """The link to that daemon; who is to find it, and in which words (None: it is told by the end of the stream)."""
        relay, lab = self.relays[to], self.lab
        with self.subTest(f"{word}, to the {to}"), chaos.replayable(lab, self.id()):
            lab.steady()
            number, before = relay.ask("census")["links_total"], self.said(finder, sentence) if finder else 0
            relay.fault(f"{word},link={number}")
            if finder:
                lab.until(lambda: self.said(finder, sentence) > before, f"the {finder} finds that the link is dead")
            lab.until(lambda: relay.ask("census")["links_total"] > number, "the link is there again")
            lab.back(chaos.now_s())
            relay.ask("fault.clear")
            lab.settle(f"{word}, to the {to}", logged_out=False)


class WhoDials(Case):
    """The Dispatcher asks its Router seldom, the Router asks often; the service asks often."""
    settings = ("router.ping_interval=1s", "router.ping_misses=1", "dispatcher.ping_interval=2s", "dispatcher.ping_misses=2",
                "collab.ping_interval=300ms", "collab.ping_misses=2")

    def test_a_service_finds_by_its_own_deadline_that_its_dispatcher_is_gone(self):
        self.befalls("dispatcher", "half-open", "collab", BY_SERVICE)
        self.befalls("dispatcher", "drop,on=up", "collab", BY_SERVICE)
        self.befalls("dispatcher", "drop,on=down", "collab", BY_SERVICE)

    def test_a_router_finds_by_its_own_deadline_that_its_dispatcher_is_gone(self):
        self.befalls("router", "drop,on=up", "router", BY_ROUTER)

    def test_a_stream_that_has_half_an_end_is_ended(self):
        for to in ("router", "dispatcher"):
            for way in ("up", "down"):
                self.befalls(to, f"half-close,on={way},count=1")


class WhoListens(Case):
    """Only the Dispatcher asks often."""
    settings = ("router.ping_interval=60s", "dispatcher.ping_interval=300ms", "dispatcher.ping_misses=2", "collab.ping_interval=60s")

    def test_a_dispatcher_finds_by_its_own_deadline_that_its_router_is_gone(self):
        self.befalls("router", "half-open", "dispatcher", BY_DISPATCHER_OF_ROUTER)
        self.befalls("router", "drop,on=up", "dispatcher", BY_DISPATCHER_OF_ROUTER)
        self.befalls("router", "drop,on=down", "dispatcher", BY_DISPATCHER_OF_ROUTER)

    def test_a_dispatcher_finds_by_its_own_deadline_that_its_service_is_gone(self):
        self.befalls("dispatcher", "drop,on=up", "dispatcher", BY_DISPATCHER_OF_SERVICE)
        self.befalls("dispatcher", "drop,on=down", "dispatcher", BY_DISPATCHER_OF_SERVICE)


if __name__ == "__main__":
    unittest.main()
