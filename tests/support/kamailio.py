"""The stock SIP proxy kamailio between a web server and a Communications Server, by mutual TLS on either side: it checks each message
that passes, adds its own Via and Record-Route, and finds the way back by them.

    with kamailio.Proxy(ocs.authority, ocs.port) as proxy: ... --next-hop localhost:{proxy.port} ..."""
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

import bramble

NAME = "proxy.corp.test"
USAGE = "serverAuth,clientAuth"         # it asks of who dials that his certificate is meant for that
PROGRAM = shutil.which("kamailio", path=os.environ.get("PATH", "") + ":/usr/sbin")

CONFIG = """#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=1
tcp_children=1
auto_aliases=no
disable_tcp=no
enable_tls=yes
listen=tls:127.0.0.1:{port}
tcp_connection_lifetime=3600
tcp_rd_buf_size=65536
loadmodule "tls.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "xlog.so"
loadmodule "siputils.so"
loadmodule "sanity.so"
loadmodule "nathelper.so"
modparam("tls", "config", "{folder}/tls.cfg")
modparam("rr", "enable_full_lr", 1)
modparam("tm", "fr_timer", 40000)
modparam("tm", "fr_inv_timer", 200000)

request_route {{
	if (!mf_process_maxfwd_header("70")) {{
		sl_send_reply("483", "Too Many Hops");
		exit;
	}}
	if (!sanity_check("17895", "7")) {{
		xlog("L_ERR", "malformed $rm from $si:$sp\\n");
		exit;
	}}
	force_rport();
	loose_route();
	if ($sp == {next_hop}) {{
		# From the Communications Server: the Contact that we marked says over which connection.
		if (!handle_ruri_alias() && $rc == -1) {{
			sl_send_reply("404", "Not Here");
			exit;
		}}
	}} else {{
		# Its name, "localhost", is none that is looked up by the rules of SIP.
		add_contact_alias();
		$du = "sip:127.0.0.1:{next_hop};transport=tls";
	}}
	if (is_method("INVITE|SUBSCRIBE"))
		record_route();
	if (is_method("BENOTIFY")) {{
		# Nobody answers it.
		forward();
		exit;
	}}
	t_on_reply("BACK");
	if (!t_relay())
		sl_reply_error();
}}

onreply_route[BACK] {{
	if ($sp != {next_hop})
		add_contact_alias();
}}
"""

TLS = """[server:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
private_key = {key}
certificate = {certificate}
ca_list = {ca}
[client:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
private_key = {key}
certificate = {certificate}
ca_list = {ca}
"""


class Proxy:
    def __init__(self, authority, next_hop):
        assert PROGRAM, "kamailio is not installed"
        self.folder = tempfile.mkdtemp(prefix="bramble-kamailio-")
        certificate, key = authority.sign(NAME, [f"DNS:{NAME}", "DNS:localhost"], USAGE)
        self.port = bramble.free_offset((5061,)) + 5061
        pathlib.Path(self.folder, "tls.cfg").write_text(TLS.format(key=key, certificate=certificate, ca=authority.file))
        pathlib.Path(self.folder, "kamailio.cfg").write_text(CONFIG.format(port=self.port, folder=self.folder, next_hop=next_hop))
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.child = subprocess.Popen(
            [PROGRAM, "-f", os.path.join(self.folder, "kamailio.cfg"), "-DD", "-E", "-m", "64", "-M", "8", "-Y", self.folder, "-w", self.folder,
             "-P", os.path.join(self.folder, "pid")], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        bramble.wait_until(self._listens, f"kamailio listens; it says {self.said()}")

    def said(self):
        return pathlib.Path(self.folder, "log").read_text(errors="replace")[-3000:]

    def _listens(self):
        if self.child.poll() is not None:
            raise AssertionError(f"kamailio ended with {self.child.returncode}: {self.said()}")
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.child.terminate()
        try:
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        said = self.said()
        self.log.close()
        shutil.rmtree(self.folder)
        assert "malformed" not in said, said
