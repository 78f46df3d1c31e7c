#include "admin/trace_login.h"

#include <stdlib.h>
#include <string.h>

/* The fifth step: what a login does at the IM server. GroupWise has one connection and one answer; Communicator Web Access is signed in to
 * by one way or another, then asked for a session, for which it puts the user on line at its Communications Server. */

static bool is_accepted(const struct trace_login *l)
{
	return l->answer && trace_number(l->answer, "code") == 0;
}

/* "yes", "not reached", ...: what can be said of a step that no trail has. */
static const char *without_trail(const struct trace_login *l)
{
	struct trace_value outcome;
	bool is_admitted = l->admit && strcmp(trace_word(l->admit, "outcome", &outcome), "admitted") == 0;
	bool is_forgotten = l->is_admit_stored || !l->admit;

	if (is_accepted(l))
		return "yes";
	if (is_forgotten && (is_admitted || !l->admit))
		return "not known";
	return l->answer ? "not reached" : "not yet";
}

static void step_connection(struct trace_login *l, const char *what)
{
	struct trace_value peer, local, tls;

	if (l->connect)
		trace_step(l, 5, what, trace_of(TRACE_COLLAB, l->connect), "%s -> %s, %s", trace_word(l->connect, "local", &local),
			trace_word(l->connect, "peer", &peer), trace_word(l->connect, "tls", &tls));
	else
		trace_step(l, 5, what, trace_of(TRACE_COLLAB, NULL), "%s", without_trail(l));
}

static void step_acceptance(struct trace_login *l, const char *what)
{
	struct trace_value name;

	if (l->backend)
		trace_step(l, 5, what, trace_of(TRACE_COLLAB, l->backend), "%s", trace_word(l->backend, "name", &name));
	else if (l->connect || is_accepted(l))
		trace_step(l, 5, what, trace_of(TRACE_COLLAB, NULL), "%s", is_accepted(l) ? "yes" : l->answer ? "no" : "not yet");
}

/* --- Communicator Web Access ---------------------------------------------------------------------------------------------- */

static void step_sign_in(struct trace_login *l, const json_t *entry)
{
	static const struct { const char *by, *what; } ways[] = {
		{ "kerberos", "Integrated Windows Authentication (Kerberos)" }, { "ntlm", "Integrated Windows Authentication (NTLM)" },
		{ "forms", "forms-based authentication" },
	};
	struct trace_value by, outcome, status, requests;
	const char *what = trace_word(entry, "by", &by);

	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		if (strcmp(by.text, ways[i].by) == 0)
			what = ways[i].what;
	}
	trace_word(entry, "status", &status);
	trace_word(entry, "requests", &requests);
	trace_step(l, 5, what, trace_of(TRACE_COLLAB, entry), "%s%s%s, %s request%s", trace_word(entry, "outcome", &outcome),
		status.text[0] ? ", HTTP " : "", status.text, requests.text, strcmp(requests.text, "1") == 0 ? "" : "s");
}

/* What the simulated server noted of this user at its Communications Server while the login was under way. */
static void steps_next_hop(struct trace_login *l, json_int_t from_us, json_int_t until_us)
{
	static const struct { const char *event, *what; } events[] = {
		{ "uplink.register", "CWA registers the user by mutual TLS" },
		{ "uplink.accepted", "the Communications Server accepts" },
		{ "uplink.refused", "the Communications Server does not accept" },
	};
	struct trace_value user, wanted, peer, tls, why;
	const json_t *entry;
	size_t i;

	trace_word(l->login, "user", &wanted);
	json_array_foreach(l->source->cwa_trail, i, entry) {
		if (trace_member(entry, "at_us") < from_us || trace_member(entry, "at_us") > until_us ||
		    strcasecmp(trace_word(entry, "user", &user), wanted.text) != 0)
			continue;
		trace_word(entry, "peer", &peer);
		trace_word(entry, "tls", &tls);
		trace_word(entry, "answer", &why);
		for (size_t e = 0; e < sizeof events / sizeof events[0]; e++) {
			if (strcmp(trace_text(entry, "event"), events[e].event) == 0)
				trace_step(l, 5, events[e].what, (struct trace_origin){ .process = "cwa", .entry = entry }, "%s%s%s%s", peer.text,
					tls.text[0] ? ", " : "", tls.text, why.text);
		}
	}
}

static void step_session(struct trace_login *l, const json_t *entry, json_int_t from_us)
{
	struct trace_value profile, outcome, sid;
	bool is_json = strcmp(trace_word(entry, "profile", &profile), "lcs2005") == 0;

	trace_step(l, 5, is_json ? "the login request, in JSON" : "the login request, in XML", (struct trace_origin){ .process = "collab" },
		"initiateSession, profile %s", profile.text);
	if (l->login)
		steps_next_hop(l, from_us, trace_member(entry, "at_us"));
	trace_word(entry, "outcome", &outcome);
	trace_word(entry, "sid", &sid);
	trace_step(l, 5, "the answer of CWA", trace_of(TRACE_COLLAB, entry), "%s%s%s", outcome.text,
		sid.text[0] ? ", session " : "", sid.text);
}

static void steps_cwa(struct trace_login *l)
{
	json_int_t from_us = l->login ? trace_member(l->login, "at_us") : 0;
	const json_t *trail = l->source->trails[TRACE_COLLAB], *entry;
	bool is_known = false;
	size_t i;

	json_array_foreach(trail, i, entry) {
		if (trace_member(entry, "at_us") < from_us || !trace_is_of(l, entry, "cwa.sign-in"))
			continue;
		/* Later ones are those of a session that lives. */
		if (l->answer && trace_member(entry, "at_us") > trace_member(l->answer, "at_us"))
			break;
		step_sign_in(l, entry);
		is_known = true;
	}
	if (!is_known)
		trace_step(l, 5, "a sign-in to CWA", trace_of(TRACE_COLLAB, NULL), "%s", without_trail(l));
	if (l->connect)
		step_connection(l, "HTTPS, with the ticket from here on");
	json_array_foreach(trail, i, entry) {
		if (trace_member(entry, "at_us") >= from_us && trace_is_of(l, entry, "cwa.session")) {
			step_session(l, entry, from_us);
			break;
		}
	}
	step_acceptance(l, "CWA accepts the login");
}

void trace_steps_backend(struct trace_login *l)
{
	if (l->source->is_cwa) {
		steps_cwa(l);
	} else {
		step_connection(l, "a connection of its own to GroupWise");
		step_acceptance(l, "GroupWise Messenger accepts the login");
	}
}
