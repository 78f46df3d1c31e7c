"""A Communicator Web Access server whose users live on a Communications Server, both in front of the test: clients of the one, clients
of the other.

    with cwa_uplink.Pair() as pair:
        alice = pair.client("alice")
        with pair.sip("bob") as bob: ..."""
import shutil

import bramble
import communications
import cwa_client
from communications import Sip, uri

SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=session\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=message 5060 sip null\r\na=accept-types:text/plain\r\n"
IM = (("Content-Type", "application/sdp"), ("Supported", "ms-sender"))
NAME = "cwa.corp.test"


class Pair:
    """options: of the web server; ocs: of the Communications Server; name: what the web server's certificate says; hop: another port
    to be dialled; proxy: a module whose Proxy stands between the two; authority: another CA than that of the Communications Server to sign the web server's certificate."""

    def __init__(self, *options, ocs=(), name=NAME, hop=None, host="localhost", authority=None, trust=None, clock=None, ready=True,
                 proxy=None):
        self.open, self.killed, self.ocs, self.proxy, self.cwa = [], False, None, None, None
        try:
            clocked = ("--clock", f"manual:{clock}") if clock else ()
            self.ocs = communications.Server(*ocs, *clocked, world=cwa_client.WORLD, trusted=(proxy.NAME if proxy else NAME,))
            self.proxy = proxy.Proxy(self.ocs.authority, self.ocs.port) if proxy else None
            signer = authority or self.ocs.authority
            certificate, key = signer.sign(name, usage=proxy.USAGE if proxy else "serverAuth")
            self.cwa = cwa_client.Server(
                "--next-hop", f"{host}:{hop or (self.proxy or self.ocs).port}", "--next-hop-ca", trust or self.ocs.authority.file, "--next-hop-certificate",
                certificate, "--next-hop-key", key, "--name", NAME, *clocked, *options, world=cwa_client.WORLD)
            if ready:
                bramble.wait_until(lambda: self.link()["link"] == "up", "the link is up")
        except BaseException:
            self.stop()
            raise

    def link(self):
        return self.cwa.ask("census")["uplink"]

    def client(self, user, begin=True, profile="xml", **how):
        client = cwa_client.Client(self.cwa, user, profile)
        self.open.append(client)
        client.sign_in()
        if begin:
            client.begin(**how)
            assert client.last[0] == "requestAccepted", client.last
            client.wait("requestSucceeded", want=lambda e: e[1].get("rid") == "1")
        return client

    def sip(self, user=None, **more):
        sip = Sip(self.ocs.tcp_port)
        self.open.append(sip)
        if user:
            assert sip.register(user, **more).status == 200
        return sip

    def kill_ocs(self):
        self.ocs.child.kill()
        self.ocs.child.wait()
        self.killed = True

    def stop(self):
        for one in self.open:
            one.close()
        if self.cwa:
            self.cwa.stop()
        if self.proxy:
            self.proxy.stop()
        if self.ocs is None:
            return
        if self.killed:
            bramble.Process.stop(self.ocs)
            shutil.rmtree(self.ocs.folder)
        else:
            self.ocs.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def accept(sip, invite, tag="theirs", supported="ms-sender, ms-text-format"):
    """200 to an INVITE that came, and its ACK."""
    user = invite.get("To").partition("sip:")[2].partition("@")[0]
    sip.answer(invite, 200, ("Contact", f"<sip:127.0.0.1:9;transport={sip.transport.lower()};ms-opaque={user}>"), *IM[:1],
               ("Supported", supported), body=SDP, tag=tag)
    return sip.request("ACK", user)


class Talk:
    """The SIP side of a conversation that was accepted or begun there."""

    def __init__(self, sip, user, call, local, remote, target, routes, cseq=1):
        self.sip, self.user, self.call, self.local, self.remote = sip, user, call, local, remote
        self.target, self.routes, self.cseq = target, routes, cseq

    @classmethod
    def accepted(cls, sip, user, invite, tag="theirs"):
        accept(sip, invite, tag)
        target = invite.get("Contact").partition("<")[2].partition(">")[0]
        return cls(sip, user, invite.get("Call-ID"), f"{invite.get('To')};tag={tag}", invite.get("From"), target, invite.all("Record-Route"))

    def send(self, method, *headers, body=b"", wait=True):
        self.cseq += 1
        via = f"SIP/2.0/{self.sip.transport} 127.0.0.1:9;branch=z9hG4bK{self.sip.next()}"
        self.sip.send(f"{method} {self.target} SIP/2.0", [
            ("Via", via), *[("Route", r) for r in self.routes], ("From", self.local), ("To", self.remote), ("Call-ID", self.call),
            ("CSeq", f"{self.cseq} {method}"), ("Max-Forwards", "70"), *headers], body)
        if not wait:
            return None
        return self.sip.wait(lambda m: m.status and m.status >= 200 and m.get("CSeq") == f"{self.cseq} {method}" and
                             m.get("Call-ID") == self.call)

    def say(self, words, kind="text/plain; charset=UTF-8"):
        return self.send("MESSAGE", ("Content-Type", kind), body=words)


def invite(sip, user, other, words=None, tag="mine"):
    """INVITE of a user on that connection: (Call-ID, a function that waits for the final answer and acknowledges it as a Talk)."""
    call = sip.next()
    first = [("Ms-Text-Format", communications.first_text(words))] if words else []
    sip.ask("INVITE", uri(other), user, *IM, ("Contact", f"<sip:127.0.0.1:9;transport={sip.transport.lower()};ms-opaque={user}>"), *first,
            body=SDP, call=call, tag=tag, wait=False)

    def final():
        ok = sip.wait(lambda m: m.status and m.status >= 200 and m.get("Call-ID") == call and m.get("CSeq") == "1 INVITE")
        if ok.status != 200:
            return ok
        target = ok.get("Contact").partition("<")[2].partition(">")[0]
        talk = Talk(sip, user, call, ok.get("From"), ok.get("To"), target, ok.all("Record-Route")[::-1])
        sip.send(f"ACK {target} SIP/2.0", [
            ("Via", f"SIP/2.0/{sip.transport} 127.0.0.1:9;branch=z9hG4bK{sip.next()}"), *[("Route", r) for r in talk.routes],
            ("From", talk.local), ("To", talk.remote), ("Call-ID", call), ("CSeq", "1 ACK"), ("Max-Forwards", "70")])
        return talk
    return call, final
