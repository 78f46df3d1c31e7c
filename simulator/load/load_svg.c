#include "simulator/load/load_svg.h"

#include <inttypes.h>
#include <math.h>

#define WIDTH 900
#define LEFT 80
#define RIGHT 870
#define TOP 70               /* of the first picture */
#define HIGH 240             /* of each */
#define SECOND_TOP 400
#define THIRD_TOP 730
#define POINTS_MAX 400       /* of a line over the seconds */

static const double marks[] = { 0, 50, 90, 99, 99.9, 99.99, 99.999 };

/* The range of times of a picture, in whole tenfolds. */
struct scale { int low, high, top; };      /* the tens' exponents; where it begins */

static void include(struct scale *scale, uint64_t us)
{
	int tens = 0;

	if (us == 0)
		return;
	for (uint64_t left = us < LOAD_HISTOGRAM_MAX_US ? us : LOAD_HISTOGRAM_MAX_US; left >= 10; left /= 10)
		tens++;
	if (tens < scale->low)
		scale->low = tens;
	if (tens + 1 > scale->high)
		scale->high = tens + 1;
}

static double y_of(const struct scale *scale, uint64_t us)
{
	double at = (log10((double)(us ? us : 1)) - scale->low) / (scale->high - scale->low);

	return scale->top + HIGH - (at < 0 ? 0 : at > 1 ? 1 : at) * HIGH;
}

static double x_of_percent(double percent)
{
	return LEFT + log10(100 / (100 - percent)) / 5 * (RIGHT - LEFT);
}

static void text_at(struct buf *out, double x, double y, const char *anchor, const char *text)
{
	buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, text);
}

static void frame(struct buf *out, int top, const char *title)
{
	buf_printf(out, "<text class=\"title\" x=\"%d\" y=\"%d\">%s</text>\n<rect class=\"frame\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n",
		LEFT, top - 12, title, LEFT, top, RIGHT - LEFT, HIGH);
}

static void time_grid(struct buf *out, const struct scale *scale)
{
	static const char *const labels[] = { "1 us", "10 us", "100 us", "1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s", "1000 s", "10000 s" };
	uint64_t us = 1;

	for (int tens = 0; tens <= scale->high; tens++, us *= 10) {
		double y = y_of(scale, us);

		if (tens < scale->low)
			continue;
		buf_printf(out, "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>\n", LEFT, y, RIGHT, y);
		text_at(out, LEFT - 8, y + 4, "end", labels[tens]);
	}
}

/* --- times by percentile ----------------------------------------------------------------------------------------------------- */

static void percentile_line(struct buf *out, const struct load_histogram *h, const struct scale *scale, int colour)
{
	buf_printf(out, "<polyline class=\"line c%d\" points=\"", colour);
	for (int i = 0; i <= 100; i++) {
		double percent = 100 - 100 / pow(10, i / 20.0);

		buf_printf(out, "%.1f,%.1f ", x_of_percent(percent), y_of(scale, load_histogram_at(h, percent > 0 ? percent : 1e-6)));
	}
	buf_text(out, "\"/>\n");
}

static void legend(struct buf *out, int top, int place, int colour, const char *name)
{
	double x = LEFT + place * 150;

	buf_printf(out, "<line class=\"line c%d\" x1=\"%.0f\" y1=\"%d\" x2=\"%.0f\" y2=\"%d\"/>\n", colour, x, top + HIGH + 34, x + 22, top + HIGH + 34);
	text_at(out, x + 28, top + HIGH + 38, "start", name);
}

static void percentiles(struct buf *out, const struct load_result *r)
{
	static const enum load_latency shown[] = { LOAD_ARRIVED, LOAD_ACKNOWLEDGED, LOAD_LOGIN, LOAD_AGAIN, LOAD_LATE };
	static const char *const names[] = { "arrived", "acknowledged", "logged in", "out and in again", "generator late" };
	struct scale scale = { 9, 0, TOP };
	int place = 0;

	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
		include(&scale, load_histogram_at(r->latency[shown[i]], 1e-6));
		include(&scale, load_histogram_max(r->latency[shown[i]]));
	}
	if (scale.low >= scale.high)
		scale = (struct scale){ 0, 6, TOP };
	frame(out, TOP, "time, by the share that took no longer");
	time_grid(out, &scale);
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
		char label[24];

		snprintf(label, sizeof label, "%g %%", marks[i]);
		buf_printf(out, "<line class=\"grid\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>\n", x_of_percent(marks[i]), TOP,
			x_of_percent(marks[i]), TOP + HIGH);
		text_at(out, x_of_percent(marks[i]), TOP + HIGH + 18, marks[i] > 99.99 ? "end" : "middle", label);
	}
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
		if (!load_histogram_count(r->latency[shown[i]]))
			continue;
		percentile_line(out, r->latency[shown[i]], &scale, (int)i);
		legend(out, TOP, place++, (int)i, names[i]);
	}
}

/* --- second by second --------------------------------------------------------------------------------------------------------- */

/* Several seconds of a long run make one point: their worst time, their mean number. */
static struct load_second at_point(const struct load_result *r, size_t point, size_t step)
{
	struct load_second all = { .logins = 0 };
	size_t count = 0;

	for (size_t i = point * step; i < (point + 1) * step && i < r->second_count; i++, count++) {
		const struct load_second *s = &r->seconds[i];

		all.logins += s->logins;
		all.arrived += s->arrived;
		all.p50_us = s->p50_us > all.p50_us ? s->p50_us : all.p50_us;
		all.p99_us = s->p99_us > all.p99_us ? s->p99_us : all.p99_us;
		all.max_us = s->max_us > all.max_us ? s->max_us : all.max_us;
	}
	if (count) {
		all.logins /= count;
		all.arrived /= count;
	}
	return all;
}

struct course { const struct load_result *r; size_t step, points; };

static double x_of_point(const struct course *course, size_t point)
{
	return LEFT + (course->points > 1 ? (double)point / (double)(course->points - 1) : 0.5) * (RIGHT - LEFT);
}

static void seconds_axis(struct buf *out, const struct course *course, int top)
{
	for (int i = 0; i <= 4; i++) {
		char label[32];

		snprintf(label, sizeof label, "%.0f s", (double)course->r->second_count * i / 4);
		text_at(out, LEFT + (RIGHT - LEFT) * i / 4.0, top + HIGH + 18, i == 0 ? "start" : i == 4 ? "end" : "middle", label);
	}
}

static void times_course(struct buf *out, const struct course *course)
{
	static const char *const names[] = { "median", "99 %", "longest" };
	struct scale scale = { 9, 0, SECOND_TOP };

	for (size_t i = 0; i < course->points; i++) {
		struct load_second s = at_point(course->r, i, course->step);

		include(&scale, s.p50_us);
		include(&scale, s.max_us);
	}
	if (scale.low >= scale.high)
		scale = (struct scale){ 0, 6, SECOND_TOP };
	frame(out, SECOND_TOP, "time, second by second (gaps: nothing came)");
	time_grid(out, &scale);
	seconds_axis(out, course, SECOND_TOP);
	for (int line = 0; line < 3; line++) {
		bool open = false;

		for (size_t i = 0; i < course->points; i++) {
			struct load_second s = at_point(course->r, i, course->step);
			uint64_t us = line == 0 ? s.p50_us : line == 1 ? s.p99_us : s.max_us;

			if (us && !open)
				buf_printf(out, "<polyline class=\"line c%d\" points=\"", line);
			if (us)
				buf_printf(out, "%.1f,%.1f ", x_of_point(course, i), y_of(&scale, us));
			else if (open)
				buf_text(out, "\"/>\n");
			open = us != 0;
		}
		if (open)
			buf_text(out, "\"/>\n");
		legend(out, SECOND_TOP, line, line, names[line]);
	}
}

static void counts_course(struct buf *out, const struct course *course)
{
	static const char *const names[] = { "arrived", "logged in" };
	uint64_t most = 1;

	for (size_t i = 0; i < course->points; i++) {
		struct load_second s = at_point(course->r, i, course->step);

		most = s.arrived > most ? s.arrived : most;
		most = s.logins > most ? s.logins : most;
	}
	frame(out, THIRD_TOP, "in each second");
	seconds_axis(out, course, THIRD_TOP);
	for (int i = 0; i <= 4; i++) {
		char label[32];
		double y = THIRD_TOP + HIGH - HIGH * i / 4.0;

		snprintf(label, sizeof label, "%.4g", (double)most * i / 4);
		buf_printf(out, "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>\n", LEFT, y, RIGHT, y);
		text_at(out, LEFT - 8, y + 4, "end", label);
	}
	for (int line = 0; line < 2; line++) {
		int colour = line == 0 ? 0 : 2;

		buf_printf(out, "<polyline class=\"line c%d\" points=\"", colour);
		for (size_t i = 0; i < course->points; i++) {
			struct load_second s = at_point(course->r, i, course->step);
			uint64_t count = line == 0 ? s.arrived : s.logins;

			buf_printf(out, "%.1f,%.1f ", x_of_point(course, i), THIRD_TOP + HIGH - (double)count / (double)most * HIGH);
		}
		buf_text(out, "\"/>\n");
		legend(out, THIRD_TOP, line, colour, names[line]);
	}
}

void load_svg(const struct load_result *r, struct buf *out)
{
	struct course course = { .r = r, .step = (r->second_count + POINTS_MAX - 1) / POINTS_MAX };
	uint64_t devices = 0;

	if (!course.step)
		course.step = 1;
	course.points = (r->second_count + course.step - 1) / course.step;
	for (size_t i = 0; i < r->process_count; i++)
		devices += r->processes[i].devices;
	buf_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n"
		"<style>\n"
		"svg { background: #ffffff } text { fill: #24292f } .title { font-weight: bold; font-size: 14px }\n"
		".frame { fill: none; stroke: #8c959f } .grid { stroke: #d0d7de; stroke-width: 0.6 } .line { fill: none; stroke-width: 1.8 }\n"
		".c0 { stroke: #0969da } .c1 { stroke: #bc4c00 } .c2 { stroke: #1a7f37 } .c3 { stroke: #8250df } .c4 { stroke: #6e7781; stroke-dasharray: 4 3 }\n"
		"@media (prefers-color-scheme: dark) { svg { background: #0d1117 } text { fill: #e6edf3 } .grid { stroke: #30363d }\n"
		".c0 { stroke: #58a6ff } .c1 { stroke: #f0883e } .c2 { stroke: #3fb950 } .c3 { stroke: #bc8cff } .c4 { stroke: #8b949e } }\n"
		"</style>\n", WIDTH, THIRD_TOP + HIGH + 60);
	buf_printf(out, "<text class=\"title\" x=\"%d\" y=\"30\">%" PRIu64 " devices: %" PRIu64 " messages, %.1f/s; %" PRIu64 " logins, %.1f/s</text>\n",
		LEFT, devices, r->messages.answered, (double)load_result_message_rate(r) / 1000, r->logins.ok + r->again.ok,
		(double)(r->again.planned ? load_result_again_rate(r) : load_result_login_rate(r)) / 1000);
	percentiles(out, r);
	times_course(out, &course);
	counts_course(out, &course);
	buf_text(out, "</svg>\n");
}
