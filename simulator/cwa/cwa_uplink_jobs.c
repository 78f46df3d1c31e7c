/* Changes that name the version of what they change: one at a time, so that each knows the version the one before it made. */
#include <stdlib.h>
#include <utlist.h>

#include "base/memory.h"
#include "simulator/cwa/cwa_uplink_state.h"

struct job {
	struct endpoint *endpoint;
	struct job *prev, *next;
	const struct job_kind *kind;
	void *what;
	char *rid;
	bool step;
	bool again;             /* the version was wrong once */
};

static void job_free(struct job *job)
{
	DL_DELETE(job->endpoint->jobs, job);
	job->kind->free(job->what);
	free(job->rid);
	free(job);
}

static void run(struct endpoint *e);

static void finish(struct job *job, const struct outcome *outcome)
{
	struct endpoint *e = job->endpoint;
	char *rid = job->rid;
	bool step = job->step;

	job->rid = NULL;
	job_free(job);
	e->job_runs = false;
	if (rid)
		home_done(e->session, rid, outcome);
	if (step && outcome->code)
		endpoint_failed(e, outcome);
	else if (step)
		endpoint_next(e);
	free(rid);
}

static void send_again(struct endpoint *e)
{
	e->job_runs = false;
	run(e);
}

static void on_answer(void *arg, const struct sip_message *answer, const struct outcome *outcome)
{
	struct endpoint *e = arg;
	struct job *job = e->jobs;

	if (outcome->sip_code == 409 && !job->again) {
		job->again = true;
		subscription_again(e, job->kind->news, (struct bytes){ 0 }, send_again);
		return;
	}
	if (!outcome->code && job->kind->answered)
		job->kind->answered(e, answer);
	finish(job, outcome);
	run(e);
}

static void run(struct endpoint *e)
{
	struct job *job = e->jobs;
	struct sip_message *m;
	struct buf body = { 0 };

	if (!job || e->job_runs || e->uplink->state != UPLINK_UP)
		return;
	e->job_runs = true;
	m = endpoint_request(e, "SERVICE", e->address);
	endpoint_add_contact(e, m);
	job->kind->write(e, job->what, &body);
	sip_body(m, job->kind->content_type, buf_bytes(&body));
	buf_free(&body);
	uplink_ask(e->uplink, e, &m, on_answer, e, NULL);
}

void job_add(struct endpoint *e, const struct job_kind *kind, void *what, const char *rid, bool step)
{
	const struct outcome lost = uplink_lost(e->uplink), many = { .code = CWA_THROTTLED, .detail = "too many changes wait" };
	struct job *job = memory_new(sizeof *job), *other;
	int count;

	*job = (struct job){ .endpoint = e, .kind = kind, .what = what, .rid = memory_str(rid), .step = step };
	DL_COUNT(e->jobs, other, count);
	DL_APPEND(e->jobs, job);
	if (e->uplink->state != UPLINK_UP || count >= JOBS_MAX) {
		bool runs = e->job_runs;

		finish(job, e->uplink->state != UPLINK_UP ? &lost : &many);
		e->job_runs = runs;
	} else {
		run(e);
	}
}

void jobs_fail(struct endpoint *e, const struct outcome *outcome)
{
	while (e->jobs)
		finish(e->jobs, outcome);
}

void jobs_forget(struct endpoint *e)
{
	while (e->jobs)
		job_free(e->jobs);
}
