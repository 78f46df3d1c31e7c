#!/usr/bin/env python3
"""The stock proxy HAProxy between devices and two Routers: each Router knows the device's own address, and goes by it."""
import os
import shutil
import struct
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "process")]
import bramble
import haproxy
import srp_peer as srp
from test_router import A, ID, KEY, Router

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


class Behind(unittest.TestCase):
    """The proxy and the devices have addresses of their own in 127.0.0.0/8."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bramble-haproxy-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.routers = [self.a_router(name) for name in "ab"]
        self.proxy = haproxy.Proxy([router.device_port for router in self.routers])
        self.addCleanup(self.proxy.stop)

    def a_router(self, name):
        folder = os.path.join(self.folder, name)
        os.mkdir(folder)
        router = Router(folder, device_listen="127.0.0.1:0", proxies="127.0.0.1/32", device_networks="127.0.0.9/32", log_level="debug")
        self.addCleanup(router.stop)
        router.device_port = int(router.ask("status")["device_listen"].rpartition(":")[2])
        return router

    def device(self, source="127.0.0.9"):
        return srp.Device(self.proxy.port, A, ID, source=source)

    def logs(self):
        return "".join(router.log() for router in self.routers)

    def test_a_router_sees_the_device_and_not_the_proxy(self):
        with self.routers[0].service(), self.routers[1].service(), self.device() as device:
            mine = device.socket.getsockname()
            self.assertIn(f"peer={mine[0]}:{mine[1]}", self.logs())

    def test_device_networks_is_asked_of_the_devices_own_address(self):
        with self.routers[0].service(), self.routers[1].service():
            with srp.Peer(self.proxy.port, source="127.0.0.8") as stranger:
                stranger.send(srp.REGISTER, A, ID)
                code, text = stranger.expect(srp.RETURN, None, None)
                self.assertEqual(code, 8)
                self.assertIn(b"your network", text)

    def test_a_device_of_a_killed_router_comes_back_by_the_other(self):
        with self.routers[0].service() as first, self.routers[1].service() as second:
            services = {0: first, 1: second}
            device = self.device()
            home = 0 if "device up" in self.routers[0].log() else 1
            services[home].expect(srp.COVERAGE, A, 1)
            self.routers[home].process.child.kill()
            with self.assertRaises(srp.Closed):
                device.hear()
            device.close()
            with self.device() as again:
                services[1 - home].expect(srp.COVERAGE, A, 1)
                up = srp.envelope(A, ID, 1, b"still here")
                again.data(1, up)
                services[1 - home].expect(srp.RECEIVE, 0, A, up)

    def test_the_proxys_own_questions_are_no_peers_that_failed(self):
        def asked(router):
            return [line for line in router.log().splitlines() if "as=nobody" in line and haproxy.OURS not in line]
        bramble.wait_until(lambda: all(len(asked(router)) >= 3 for router in self.routers), "each was asked three times")
        for router in self.routers:
            self.assertEqual([line for line in asked(router) if " debug: " not in line], [])
            status = router.ask("status")
            self.assertEqual((status["invalid"], status["refused"]), (0, 0))


class Without(unittest.TestCase):
    """Who comes from a proxy's address says for whom; who comes from elsewhere is not asked."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bramble-haproxy-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.router = Router(self.folder, proxies="127.0.0.7/32", device_networks="127.0.0.0/8 192.0.2.0/24")
        self.addCleanup(self.router.stop)

    def refused(self, source, raw):
        with srp.Peer(self.router.port, source=source) as peer:
            peer.say(raw)
            code, text = peer.expect(srp.RETURN, None, None)
            self.assertEqual(code, 5)
            return text.decode()

    def test_a_proxy_that_does_not_say_for_whom_is_told_what_is_missing(self):
        self.assertIn("PROXY header of version 2 must come first", self.refused("127.0.0.7", srp.frame(srp.REGISTER, A, ID)))
        self.assertIn("PROXY header of version 2 must come first",
                      self.refused("127.0.0.7", b"PROXY TCP4 192.0.2.7 192.0.2.1 4 3101\r\n" + srp.frame(srp.REGISTER, A, ID)))
        self.assertIn("at most 1024", self.refused("127.0.0.7", SIGNATURE + b"\x21\x11\xff\xff"))

    def test_nobody_else_may_speak_for_others(self):
        self.assertNotIn("PROXY", self.refused("127.0.0.8", SIGNATURE + b"\x20\x00\x00\x00"))
        with self.router.service(), srp.Device(self.router.port, A, ID, source="127.0.0.8"):
            pass

    def test_a_header_that_comes_in_pieces_and_with_the_first_frame_is_read(self):
        header = SIGNATURE + b"\x21\x11" + struct.pack(">H", 12) + bytes((192, 0, 2, 7, 127, 0, 0, 1)) + struct.pack(">HH", 4711, 3101)
        with self.router.service() as service, srp.Peer(self.router.port, source="127.0.0.7") as peer:
            peer.say(header[:5])
            peer.say(header[5:] + srp.frame(srp.REGISTER, A, ID))
            peer.expect(srp.RETURN, 0)
            service.expect(srp.COVERAGE, A, 1)
            self.assertIn("peer=192.0.2.7:4711", self.router.log())


if __name__ == "__main__":
    unittest.main()
