"""Active and standby Collaboration Services on real processes and a running clock: one pool of two serves four BES, each with an active
one of its own; the services are switched, killed and started again. The steps one by one, on a clock moved by hand, are scenarios
(simulator/scenarios/failover-*.xml)."""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support")]
import bramble
import crowd

BES = 4
SETTINGS = {"dispatcher": ["dispatcher.health_dead=3s"], "collab": ["collab.health_interval=300ms"]}


class Pool(crowd.Services):
    """Four routers and dispatchers with a device each, and two services that know all four dispatchers."""

    def __init__(self):
        super().__init__(BES, 1)
        self.all_dispatchers = False

    def start(self, name, k):
        """The services come when all dispatchers are there, the one that wants to be active first."""
        if name == "collab" and not self.all_dispatchers:
            if k < BES - 1:
                return None
            self.all_dispatchers = True
            self.start("collab", 0)
            self.wait_active(*["collab-0"] * BES)
            k = 1
        everywhere = " ".join(f"127.0.0.1:{self.lab.port(3200) + i}" for i in range(BES))
        router, dispatcher = f"127.0.0.1:{self.lab.port(3101) + k}", f"127.0.0.1:{self.lab.port(3200) + k}"
        settings = {"router": [f"router.listen={router}", f"router.state={self.dir / f'router{k}.state'}"],
                    "dispatcher": [f"dispatcher.routers={router}", f"dispatcher.listen={dispatcher}"],
                    "collab": [f"collab.dispatcher={everywhere}", f"collab.instance=collab-{k}",
                               f"collab.role={'standby' if k else 'active'}"]}[name] + SETTINGS.get(name, [])
        self.run_dir(k).mkdir(mode=0o700, exist_ok=True)
        overrides = [o for s in [*settings, f"{name}.run_dir={self.run_dir(k)}"] for o in ("-o", s)]
        process = self._start(f"{name}{k}", ["bramble-" + name, "-c", self.dir / "bramble.ini", "--ready", *overrides], k)
        process.wait_line(lambda line: line.startswith("READY"), f"{name}{k}: READY")
        return process

    def active(self, k):
        pools = self.ask("dispatcher", k, "failover")["pools"]
        return pools[0]["active"] if pools else ""

    def wait_active(self, *wanted):
        bramble.wait_until(lambda: [self.active(k) for k in range(BES)] == list(wanted), f"the active ones are {wanted}")

    def live(self, k):
        return self.ask("collab", k, "status")["sessions"]["live"]


class FourBes(unittest.TestCase):
    def test_one_pool_serves_four_bes_with_an_active_one_each(self):
        with Pool() as pool:
            pool.wait_active(*["collab-0"] * BES)
            devices = [pool.devices(k) for k in range(BES)]
            for k, device in enumerate(devices):
                device.say("remember on")
                device.say(f"login {crowd.user(k)} {bramble.password(crowd.user(k))}")
                device.wait({"event": "login-ok"})
            self.assertEqual(pool.live(0), BES)
            # A switch at one BES is nobody else's business.
            with self.assertRaisesRegex(Exception, "collab-0 is active already"):
                pool.ask("dispatcher", 2, "failover.switch", to="collab-0")
            with self.assertRaisesRegex(Exception, "no instance collab-7"):
                pool.ask("dispatcher", 2, "failover.switch", to="collab-7")
            self.assertEqual(pool.ask("dispatcher", 2, "failover.switch"), {"switch": 2})
            devices[2].wait({"event": "forced-logout", "reason": "switched"})
            devices[2].wait({"event": "please-login", "by_itself": True})
            devices[2].wait({"event": "login-ok"})
            pool.wait_active("collab-0", "collab-0", "collab-1", "collab-0")
            self.assertEqual((pool.live(0), pool.live(1)), (3, 1))
            # The service of the other three is killed; the one that moved keeps its session.
            pool.stop("collab0", kill=True)
            for k in (0, 1, 3):
                devices[k].wait({"event": "forced-logout", "reason": "service-lost"})
                devices[k].wait({"event": "please-login", "by_itself": True})
                devices[k].wait({"event": "login-ok"})
            pool.wait_active(*["collab-1"] * BES)
            bramble.wait_until(lambda: pool.live(1) == BES, "all sessions are at the other service")
            devices[2].say("session")
            self.assertEqual(devices[2].wait({"event": "session"})["state"], "online")
            self.assertFalse([e for e in devices[2].events if e["event"] == "forced-logout" and e["reason"] != "switched"])
            # It is back, and stands by everywhere.
            pool.start("collab", 0)
            bramble.wait_until(lambda: all(d["linked"] for d in pool.ask("collab", 0, "status")["dispatchers"]), "it is registered")
            pool.wait_active(*["collab-1"] * BES)
            self.assertEqual({d["role"] for d in pool.ask("collab", 0, "status")["dispatchers"]}, {"standby"})
            self.assertEqual(pool.live(0), 0)
            for device in devices:
                self.assertEqual(device.stop(), 0)
            self.assertEqual(set(pool.down().values()), {0})


class TooMany(unittest.TestCase):
    def test_a_fifth_is_refused_with_a_sentence(self):
        addresses = [f"127.0.0.1:{3200 + k}" for k in range(5)]
        for value, sentence in ((" ".join(addresses), "127.0.0.1:3204 is the fifth; one Collaboration Service serves at most 4 BES"),
                                (f"{addresses[0]} {addresses[0]}", "127.0.0.1:3200 is there twice"),
                                (" ", "collab.dispatcher is empty"), ("127.0.0.1:3200 nowhere", "collab.dispatcher: "),
                                ("127.0.0.1:3200 192.0.2.1:3200", "192.0.2.1:3200 is not a loopback address")):
            with self.subTest(value):
                status, _, err = bramble.run("bramble-collab", "-o", f"collab.dispatcher={value}", "-o", "collab.trust=none", "-o",
                                             f"collab.database={self.dir / 'bramble.db'}", "-o",
                                             f"collab.install_key={self.dir / 'install.key'}")
                self.assertEqual(status, 3, err)
                self.assertIn(sentence, err)

    @classmethod
    def setUpClass(cls):
        cls.lab = bramble.Lab().up()
        cls.lab.down()
        cls.dir = cls.lab.dir

    @classmethod
    def tearDownClass(cls):
        cls.lab.__exit__(None, None, None)


class Tool(unittest.TestCase):
    def test_the_administrator_looks_and_switches(self):
        with bramble.Lab("--services", "2") as lab:
            self.assertRegex(lab.tool("failover", "show"), r"collab-1 +active +100 +yes +no .*\ncollab-2 +standby +100 +yes +no ")
            self.assertIn("collab-1 is active already", lab.tool("failover", "switch", "collab-1", want=1))
            self.assertIn("has not stepped back", lab.tool("failover", "claim", want=1))
            self.assertEqual(lab.tool("failover", "switch"), "Switch 2 has begun.\n")
            rows = bramble.wait_until(lambda: [r for r in lab.json("trace", "failover") if r["switch"] == 2 and r["step"]][6:] and
                                      lab.json("trace", "failover"), "all steps are in the trail")
            self.assertEqual([r["step"] for r in rows if r["switch"] == 2 and r["step"]], [1, 2, 3, 4, 5, 6, 7])
            self.assertEqual({r["instance"] for r in rows if r["switch"] == 2 and r["step"] in (3, 4, 5, 6)}, {"collab-1"})
            self.assertRegex(lab.tool("trace", "failover"), r"2 +6 +it logs out its open sessions +collab-1 +collab-2 +0 ")
            # A session of the second service is found by the other words too.
            device = lab.device("alice")
            device.say(f"login alice {bramble.password('alice')}")
            login = device.wait({"event": "login-ok"})
            row, = lab.json("session", "list")
            self.assertEqual((row["instance"], row["in_coverage"]), ("collab-2", True))
            shown = lab.json("trace", "show", login["login_id"])
            self.assertEqual((shown["outcome"], shown["notes"]), ("accepted", []))
            lab.tool("session", "logout", str(login["session"]))
            device.wait({"event": "forced-logout", "reason": "admin"})
            self.assertEqual(device.stop(), 0)


if __name__ == "__main__":
    unittest.main()
