/* No memory inside the libraries: whichever of their allocations fails, in whatever we use them for, the process ends with the sentence that says so.
 * It does not crash, nor go on with half a result, and no seat is given away.
 *
 * Each try is a process of its own, `test_no_memory SCENARIO N`: the Nth allocation fails, those of the libraries that take theirs from us and ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io/http_client.h"
#include "base/io/http_server.h"
#include "base/io/tls.h"
#include "base/log.h"
#include "base/memory.h"
#include "db/secret.h"
#include "protocol/channel.h"
#include "protocol/cwa/codec.h"
#include "simulator/xml_file.h"
#include "tests/support/database.h"
#include "tests/support/peers.h"

enum { FIRST = 2, LATER = 6, ALICE = 0x2100000a, BOB };

static char folder[64];            /* what the parent has made for all tries: certificates, a database */

static const char *file(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

/* --- what is tried -------------------------------------------------------------------------------------------------------------- */

static void keep(void *ctx, struct bytes envelope)
{
	buf_append(ctx, envelope);
}

static void a_message_is_sealed_opened_and_answered(void)
{
	static const char said[] = "alice logs in; alice logs in; alice logs in; alice logs in";
	struct channel *channel = channel_new();
	struct channel_peer peer = { .suites = PACKET_SUITES_ALL };
	struct channel_key *key = &peer.keys[0];
	struct channel_envelope to = { .source = { .is_pin = true, .pin = ALICE }, .destination = { .srp_id = bytes_str("T00000001") },
		.content_id = "BBIM" };
	struct channel_opened opened;
	struct channel_sizes sizes;
	struct buf envelope = { 0 }, receipt = { 0 };
	struct gme gme, answer;
	uint32_t id;

	*key = (struct channel_key){ .key = { .id = "2100000A+1", .secret = { 1 } }, .state = CHANNEL_KEY_CURRENT, .serial = 1 };
	for (enum packet_suite suite = PACKET_3DES_CBC; suite <= PACKET_AES256_GCM; suite++) {
		key->key.suites = PACKET_SUITE_BIT(suite);
		replay_counter_start(&key->send, 0);
		replay_counter_committed(&key->send, REPLAY_AHEAD);
		replay_start(&key->receive, 0);
		replay_committed(&key->receive, REPLAY_AHEAD);
		buf_clear(&envelope);
		buf_clear(&receipt);
		assert_int_equal(channel_seal(channel, &peer, &to, bytes_str(said), keep, &envelope, &id, &sizes), CHANNEL_OK);
		assert_int_equal(gme_decode(buf_bytes(&envelope), &gme, NULL), 0);
		assert_int_equal(channel_open(channel, &peer, &gme, &opened), CHANNEL_OK);
		assert_true(bytes_is(opened.clear, said));
		gme_answer_receipt(&gme, channel_answer_key(&peer, &gme), &receipt);
		assert_int_equal(gme_decode(buf_bytes(&receipt), &answer, NULL), 0);
		assert_ptr_equal(channel_proof(&peer, &answer), key);
	}
	buf_free(&envelope);
	buf_free(&receipt);
	channel_peer_free(&peer);
	channel_free(&channel);
}

static void a_secret_is_sealed_and_opened(void)
{
	const struct secret_place place = { "emu_DeviceKey", "Secret", "1" };
	struct error err = { "" };
	struct secret_box *box = secret_box_open(file("install.key"), false, &err);
	struct buf sealed = { 0 }, clear = { 0 };

	assert_string_equal(err.text, "");
	secret_seal(box, &place, bytes_str("a transport key"), &sealed);
	assert_int_equal(secret_open(box, &place, buf_bytes(&sealed), &clear), 0);
	assert_true(bytes_is(buf_bytes(&clear), "a transport key"));
	buf_free(&sealed);
	buf_free(&clear);
	secret_box_free(&box);
}

static struct tls *tls_of(const struct tls_settings *settings)
{
	struct error err = { "" };
	struct tls *tls = tls_new(settings, &err);

	assert_string_equal(err.text, "");
	return tls;
}

static void two_daemons_shake_hands(void)
{
	struct pair pair = { .loop = loop_new() };
	struct tls *server = tls_of(&(struct tls_settings){ .server = true, .certificate_file = file("server.crt"), .key_file = file("server.key"),
		.ca_file = file("ca.crt"), .only_tls13 = true });
	struct tls *client = tls_of(&(struct tls_settings){ .certificate_file = file("server.crt"), .key_file = file("server.key"),
		.ca_file = file("ca.crt"), .only_tls13 = true });

	pair_listen(&pair, "127.0.0.1:0", server, NULL);
	pair_dial(&pair, client, NULL, NULL);
	peer_say(&pair.client, "over TLS");
	RUN_UNTIL(pair.loop, pair.server.messages || pair.client.ends);
	assert_string_equal(buf_cstr(&pair.server.said), "over TLS|");
	pair_close(&pair);
	tls_free(&server);
	tls_free(&client);
	loop_free(&pair.loop);
}

static void an_envelope_of_the_web_server_is_read_and_written(void)
{
	static const char xml[] = "<cwaRequests sid=\"41\" xmlns=\"http://schemas.microsoft.com/2006/09/rtc/cwa\"><publishRawCategories rid=\"10\">"
		"<rawCategory Name=\"note\" nameSpace=\"http://schemas.microsoft.com/2006/09/sip/note\" instanceMask=\"0\">"
		"<note xmlns=\"http://schemas.microsoft.com/2006/09/sip/note\"><body type=\"personal\" uri=\"\">back at five &amp; not before</body></note>"
		"</rawCategory></publishRawCategories></cwaRequests>";
	struct cwa_tree tree = { 0 }, again = { 0 };
	struct buf text = { 0 };
	struct error err = { "" };

	assert_int_equal(cwa_decode(CWA_XML, bytes_str(xml), &tree, &err), 0);
	cwa_encode(CWA_XML, tree.root, &text);
	assert_non_null(strstr(buf_cstr(&text), "back at five &amp; not before"));
	assert_int_equal(cwa_decode(CWA_XML, buf_bytes(&text), &again, &err), 0);
	assert_true(cwa_equal(tree.root, again.root));
	cwa_tree_free(&tree);
	cwa_tree_free(&again);
	buf_free(&text);
}

static void a_file_of_people_is_read(void)
{
	static const char xml[] = "<world><person name=\"alice\" password=\"x\"><contact>bob</contact></person><person name=\"bob\"/></world>";
	struct error err = { "" };
	xmlDocPtr doc = xml_file_parse(bytes_str(xml), "world.xml", sizeof xml, &err);
	xmlNodePtr alice, bob;
	xmlChar *contact;

	assert_non_null(doc);
	alice = xmlFirstElementChild(xmlDocGetRootElement(doc));
	bob = xmlNextElementSibling(alice);
	contact = xmlNodeGetContent(alice);
	assert_true(xmlHasProp(alice, (const xmlChar *)"name") && xmlHasProp(alice, (const xmlChar *)"password"));
	assert_string_equal((const char *)contact, "bob");
	assert_true(bob && xmlHasProp(bob, (const xmlChar *)"name") && !xmlNextElementSibling(bob));
	xmlFree(contact);
	xmlFreeDoc(doc);
}

static void serve(void *ctx, struct http_request *request)
{
	(void)ctx;
	http_reply_header(request, "CWA-Ticket", "a ticket");
	http_reply(&request, 200, "text/plain", bytes_str("the whole answer"));
}

static void answered(void *ctx, const struct http_answer *answer)
{
	const char *ticket = http_answer_header(answer, "CWA-Ticket");

	assert_int_equal(answer->outcome, HTTP_ANSWERED);
	assert_int_equal(answer->status, 200);
	assert_non_null(ticket);
	assert_string_equal(ticket, "a ticket");
	assert_true(bytes_is(answer->body, "the whole answer"));
	*(bool *)ctx = true;
}

static void something_is_asked_over_https(void)
{
	struct loop *loop = loop_new();
	struct tls *server_tls = tls_of(&(struct tls_settings){ .server = true, .certificate_file = file("server.crt"), .key_file = file("server.key") });
	struct tls *tls = tls_of(&(struct tls_settings){ .ca_file = file("ca.crt") });
	struct error err = { "" };
	struct http_server *server = http_server_new(loop, &(struct http_server_settings){ .listen = "127.0.0.1:0", .tls = server_tls }, serve, NULL, &err);
	struct http_client *client;
	struct http_line *line;
	bool is_answered = false;
	char url[64];

	assert_string_equal(err.text, "");
	client = http_client_new(loop, tls);
	line = http_line_new(client);
	snprintf(url, sizeof url, "https://%s/", http_server_address(server));
	http_line_ask(line, &(struct http_ask){ .method = "POST", .url = url, .body = bytes_str("question"), .auth = HTTP_AUTH_NTLM,
		.user = "CORP\\alice", .password = "secret" }, answered, &is_answered);
	RUN_UNTIL(loop, is_answered);
	http_line_free(&line);
	http_client_free(&client);
	http_server_free(&server);
	tls_free(&server_tls);
	tls_free(&tls);
	loop_free(&loop);
}

/* There is one seat, and ALICE has it. */
static void a_login_is_refused_for_want_of_seats(void)
{
	struct loop *loop = loop_new();
	struct error err = { "" };
	struct db *db = db_open(loop, file("bramble.db"), file("install.key"), DB_EXISTING, false, &err);
	struct seat_owner owner;
	struct heard_admit bob;

	assert_string_equal(err.text, "");
	owner = owner_start(db, "collab2", 0);
	bob = admit(db, owner, BOB, "bob", 2);
	assert_int_equal(bob.status, DB_OK);
	assert_int_equal(bob.answer.decision.outcome, SEAT_SERVER_BUSY);
	db_close(&db);
	loop_free(&loop);
}

static const struct scenario { const char *name; void (*run)(void); } scenarios[] = {
	{ "channel", a_message_is_sealed_opened_and_answered },
	{ "secret", a_secret_is_sealed_and_opened },
	{ "tls", two_daemons_shake_hands },
	{ "cwa", an_envelope_of_the_web_server_is_read_and_written },
	{ "xml", a_file_of_people_is_read },
	{ "https", something_is_asked_over_https },
	{ "database", a_login_is_refused_for_want_of_seats },
};

#ifdef BRAMBLE_DEATHS

/* --- one try: this program, started by itself ------------------------------------------------------------------------------------ */

static unsigned long made, failing;      /* allocations so far, also of the database's thread; the how many-th fails, 0: none */

static bool is_short(void)
{
	return __atomic_add_fetch(&made, 1, __ATOMIC_RELAXED) == failing;
}

static int run_one(const char *name, const char *nth, const char *in)
{
	memory_of_libraries();
	log_set_level(LOG_ERROR);
	snprintf(folder, sizeof folder, "%s", in);
	failing = strtoul(nth, NULL, 10);
	memory_is_short = is_short;
	for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
		if (strcmp(name, scenarios[i].name) == 0)
			scenarios[i].run();
	printf("whole %lu\n", __atomic_load_n(&made, __ATOMIC_RELAXED));
	return 0;
}

/* --- all of them ------------------------------------------------------------------------------------------------------------------- */

static const char *self;

/* What it said, and its status as waitpid has it. */
static int try_one(const char *name, unsigned long nth, struct buf *said)
{
	char command[512], piece[512];
	size_t len;
	FILE *out;

	snprintf(command, sizeof command, "exec '%s' %s %lu '%s' 2>&1", self, name, nth, folder);
	out = popen(command, "r");
	assert_non_null(out);
	buf_clear(said);
	while ((len = fread(piece, 1, sizeof piece, out)) > 0)
		buf_append(said, bytes_of(piece, len));
	return pclose(out);
}

static unsigned long count_of(const char *name, struct buf *said)
{
	unsigned long all = 0;

	if (try_one(name, 0, said) != 0 || sscanf(buf_cstr(said), "whole %lu", &all) != 1)
		fail_msg("%s: with all the memory that it wants: %s", name, buf_cstr(said));
	return all;
}

/* Not all are as many each time: a TLS session is of another length, threads begin when they do. */
static void must_have_ended(const char *name, unsigned long nth, int status, struct buf *said)
{
	unsigned long all = 0;

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && sscanf(buf_cstr(said), "whole %lu", &all) == 1 && all < nth)
		return;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_INTERNAL || !strstr(buf_cstr(said), "out of memory: "))
		fail_msg("%s: allocation %lu failed, and it ended with status %x: %s", name, nth, (unsigned)status, buf_cstr(said));
}

static void whichever_allocation_fails_the_process_ends_with_its_sentence(void **state)
{
	struct buf said = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
		const char *name = scenarios[i].name;
		unsigned long all = count_of(name, &said), step = 1 + all / LATER;

		print_message("  %s: %lu allocations\n", name, all);
		for (unsigned long nth = 1; nth <= all; nth += nth < FIRST ? 1 : step)
			must_have_ended(name, nth, try_one(name, nth, &said), &said);
	}
	buf_free(&said);
}

static void no_seat_was_given_away(void **state)
{
	struct database d = { 0 };

	(void)state;
	snprintf(d.file, sizeof d.file, "%s", file("bramble.db"));
	assert_int_equal(database_exec(&d, "SELECT count(*) FROM emu_IMSession"), 1);
	assert_int_equal(database_exec(&d, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
}

/* Certificates and a database; without memory failing. */
static int make_files(void **state)
{
	struct error err = { "" };
	struct database d = { .loop = loop_new() };
	struct db_server server = { .name = "bes1", .srp_id = "T00000001", .srp_key = bytes_str("12345678901234567890") };
	struct db_environment environment = { .name = "groupwise", .type = DB_GROUPWISE, .host = "127.0.0.1", .port = 8300, .transport = "tls" };

	(void)state;
	log_set_level(LOG_ERROR);
	strcpy(folder, "/tmp/bramble-memory-XXXXXX");
	assert_non_null(mkdtemp(folder));
	if (tls_make_ca(file("ca.crt"), file("ca.key"), &err) != 0 ||
	    tls_make_signed(file("ca.crt"), file("ca.key"), file("server.crt"), file("server.key"), "localhost 127.0.0.1", &err) != 0)
		fail_msg("%s", err.text);
	d.db = db_open(d.loop, file("bramble.db"), file("install.key"), DB_CREATE, false, &err);
	assert_string_equal(err.text, "");
	db_server_add(d.db, &server, NULL, NULL);
	db_environment_add(d.db, &environment, NULL, NULL);
	assert_int_equal(user_with_device(&d, "alice", ALICE, true), DB_OK);
	assert_int_equal(user_with_device(&d, "bob", BOB, true), DB_OK);
	assert_int_equal(set_limits(&d, 1, 0, 0), DB_OK);
	assert_int_equal(admit(d.db, owner_start(d.db, "collab1", 0), ALICE, "alice", 1).answer.decision.outcome, SEAT_ADMITTED);
	db_close(&d.db);
	loop_free(&d.loop);
	return 0;
}

static int remove_files(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whichever_allocation_fails_the_process_ends_with_its_sentence),
		cmocka_unit_test(no_seat_was_given_away),
	};

	self = argv[0];
	return argc == 4 ? run_one(argv[1], argv[2], argv[3]) : cmocka_run_group_tests(tests, make_files, remove_files);
}

#else

/* In a build without what tests alone may do nothing can be made to fail. */
int main(void)
{
	for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
		(void)scenarios[i];
	(void)file;
	return 0;
}

#endif
