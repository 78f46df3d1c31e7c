#include "admin/demo_stage.h"

#include <stdio.h>

enum { ALICE, BOB, CAROL, DAVE };

/* --- GroupWise Messenger --------------------------------------------------------------------------------------------------- */

/* N sessions are N connections, by the IM server's own count. */
static bool connections(struct demo *demo, json_int_t sessions)
{
	json_t *result = demo_ask(demo, "groupwise", "census", NULL);
	json_int_t connections = json_integer_value(json_object_get(result, "connections"));
	char what[128], expected[64];

	if (!result)
		return demo_broken(demo);
	json_decref(result);
	snprintf(what, sizeof what, "GroupWise Messenger counts %lld connections", (long long)connections);
	snprintf(expected, sizeof expected, "%lld", (long long)sessions);
	return demo_verdict(demo, connections == sessions, what, expected);
}

void demo_story_groupwise(struct demo *demo)
{
	demo_heading("GroupWise Messenger: two devices log in and chat");
	if (!demo_login(demo, ALICE, NULL, 0, "accepted") || !demo_login(demo, BOB, NULL, 0, "accepted"))
		return;
	printf("\nA conversation\n");
	if (!demo_chat(demo, ALICE, BOB, "Hello Bob, this is a BlackBerry") || !demo_chat(demo, BOB, ALICE, "Hello Alice, so is this"))
		return;
	connections(demo, 2);

	if (!demo_set_limits(demo, "The maximum is two, with an idle timeout of 10 minutes; nobody is idle", "limits set --max 2 --idle-timeout 10m"))
		return;
	demo_login(demo, CAROL, "Server Busy", 100, "Server Busy");

	demo_heading("One device loses coverage; the next login takes its place");
	if (!demo_lose_coverage(demo, BOB) || !demo_login(demo, CAROL, NULL, 0, "accepted, the session out of coverage is logged out"))
		return;
	connections(demo, 2);
	demo_regain_coverage(demo, BOB);

	if (!demo_set_limits(demo, "No maximum is set, and the capacity of the transport is two", "limits set --max unset --capacity 2"))
		return;
	demo_login(demo, DAVE, "Failed (300)", 300, "Failed (300)");
}

/* --- Communicator Web Access ----------------------------------------------------------------------------------------------- */

/* The vendor's flow goes on behind the web server: the user's own registration, and the acceptance's way back. */
#define TO_THE_SERVER_AND_BACK "CWA registers the user by mutual TLS", "the Communications Server accepts", \
	"the answer of CWA: begun"

static bool sessions(struct demo *demo, json_int_t expected)
{
	json_t *web = demo_ask(demo, "cwa", "census", NULL), *ocs = web ? demo_ask(demo, "ocs", "census", NULL) : NULL;
	json_int_t there = json_integer_value(json_object_get(web, "sessions"));
	json_int_t registered = 0;
	char what[128], text[32];
	const char *name;
	json_t *user;

	if (!ocs) {
		json_decref(web);
		return demo_broken(demo);
	}
	json_object_foreach(json_object_get(ocs, "users"), name, user)
		registered += (json_int_t)json_array_size(json_object_get(user, "endpoints"));
	json_decref(web);
	json_decref(ocs);
	snprintf(what, sizeof what, "Communicator Web Access counts %lld sessions, the Communications Server %lld endpoints",
		(long long)there, (long long)registered);
	snprintf(text, sizeof text, "%lld of each", (long long)expected);
	return demo_verdict(demo, there == expected && registered == expected, what, text);
}

void demo_story_cwa(struct demo *demo)
{
	static const char *const by_iwa[] = { "Integrated Windows Authentication (NTLM): accepted", "the login request, in XML",
		TO_THE_SERVER_AND_BACK, NULL };
	static const char *const by_forms[] = { "Integrated Windows Authentication (NTLM): refused", "forms-based authentication: accepted",
		"the login request, in XML", TO_THE_SERVER_AND_BACK, NULL };

	demo_heading("Communicator Web Access with Office Communications Server 2007: Windows Authentication is accepted");
	if (!demo_login(demo, ALICE, NULL, 0, "accepted"))
		return;
	demo_went(demo, "signed in by Integrated Windows Authentication, login request in XML", by_iwa);

	demo_heading("Integrated Windows Authentication is refused, so the service goes on to forms");
	if (!demo_fault(demo, "refuse=401,on=logon,user=bob,count=1") || !demo_login(demo, BOB, NULL, 0, "accepted"))
		return;
	demo_went(demo, "refused by Integrated Windows Authentication, signed in by forms", by_forms);
	printf("\nA conversation\n");
	if (!demo_chat(demo, ALICE, BOB, "Hello Bob, by way of the Communications Server") ||
	    !demo_chat(demo, BOB, ALICE, "Hello Alice, and back"))
		return;
	sessions(demo, 2);

	if (!demo_set_limits(demo, "No maximum is set, and the capacity of the transport is two", "limits set --max unset --capacity 2"))
		return;
	demo_login(demo, CAROL, "Failed", 200, "Failed (without GroupWise's number)");
}

void demo_story_cwa_json(struct demo *demo)
{
	static const char *const in_json[] = { "Integrated Windows Authentication (NTLM): accepted", "the login request, in JSON",
		TO_THE_SERVER_AND_BACK, NULL };

	demo_heading("Communicator Web Access with Live Communications Server 2005: the login request is JSON");
	if (demo_login(demo, DAVE, NULL, 0, "accepted"))
		demo_went(demo, "signed in by Integrated Windows Authentication, login request in JSON", in_json);
}
