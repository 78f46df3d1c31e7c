#include "simulator/device/device_shell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/device/device_lines.h"

#define LINE_MAX_BYTES (IM_TEXT_MAX + IM_USER_MAX + 64)
#define READ_BYTES 16384

struct device_shell {
	struct device_user user;
	struct device **devices;
	size_t count;
	struct loop_watch *watch;
	struct loop_task pump;
	int fd;
	struct buf input;
	bool skips;                /* the rest of a line that was too long */
	bool ended, stay;
};

/* --- a line ------------------------------------------------------------------------------------------------------------ */

/* A line taken apart: the devices from..to that it is for, what it does, and its arguments. */
struct order {
	size_t from, to;
	const struct device_line *line;
	struct device_words_left words;
};

static int understand(struct device_shell *s, struct bytes text, struct order *order, struct error *err)
{
	struct device_words_left words = { text };
	struct bytes word = device_next_word(&words);

	*order = (struct order){ .to = s->count };
	if (word.len && word.data[0] == '@') {
		uint32_t pin;

		if (pin_parse(bytes_slice(word, 1, word.len), &pin))
			return error_set(err, "%s is no PIN of 8 hex digits", log_value(word));
		while (order->from < s->count && device_own_pin(s->devices[order->from]) != pin)
			order->from++;
		if (order->from == s->count)
			return error_set(err, "there is no device %s here", pin_text(pin));
		order->to = order->from + 1;
		word = device_next_word(&words);
	}
	if (word.len == 0 || word.data[0] == '#')
		return 0;
	order->line = device_line_find(word, err);
	order->words = words;
	return order->line ? 0 : -1;
}

/* Without a link no answer can come: what depends on one goes out after it, when the link is back. */
static bool device_must_wait(const struct device *d, const struct device_line *line)
{
	if (device_state(d) == DEVICE_LOGGING_IN)
		return true;
	return device_is_linked(d) && (device_state(d) == DEVICE_LOGGING_OUT ||
		(line->waits_for_rooms && device_rooms_pending(device_rooms(d))));
}

static bool must_wait(const struct device_shell *s, const struct order *order)
{
	if (!order->line || !order->line->waits)
		return false;
	for (size_t i = order->from; i < order->to; i++) {
		if (device_must_wait(s->devices[i], order->line))
			return true;
	}
	return false;
}

static void carry_out(struct device_shell *s, const struct order *order)
{
	struct error err;

	if (!order->line)
		return;
	for (size_t i = order->from; i < order->to; i++) {
		if (order->line->run(&s->user, s->devices[i], order->words, &err))
			device_print_error(&s->user.printer, s->devices[i], err.text);
		if (order->line->once)
			break;
		if (order->line->waits)      /* the others are what happens to a device, not what its user does */
			device_used(s->devices[i]);
	}
}

/* false: it has to wait, and was not carried out. */
static bool try_line(struct device_shell *s, struct bytes line)
{
	struct order order;
	struct error err;

	if (understand(s, line, &order, &err))
		device_print_error(&s->user.printer, s->devices[0], err.text);
	else if (must_wait(s, &order))
		return false;
	else
		carry_out(s, &order);
	return true;
}

/* --- reading ----------------------------------------------------------------------------------------------------------- */

static bool everybody_settled(const struct device_shell *s)
{
	for (size_t i = 0; i < s->count; i++) {
		if (!device_is_settled(s->devices[i]))
			return false;
	}
	return true;
}

static void leave_out(const struct device_shell *s)
{
	device_print_error(&s->user.printer, s->devices[0], "the line is too long and is left out");
}

/* Carries out what has come as whole lines, up to one that has to wait. */
static void pump(void *arg)
{
	struct device_shell *s = arg;
	uint8_t *end;

	while (s->input.len && (end = memchr(s->input.data, '\n', s->input.len))) {
		size_t len = (size_t)(end - s->input.data);

		if (s->skips)
			s->skips = false;
		else if (len > LINE_MAX_BYTES)      /* all of it was there at once */
			leave_out(s);
		else if (!try_line(s, bytes_of(s->input.data, len)))
			return;
		buf_consume(&s->input, len + 1);
	}
	if (s->input.len > LINE_MAX_BYTES) {
		if (!s->skips)
			leave_out(s);
		s->skips = true;
		buf_clear(&s->input);
	}
	if (s->ended && !s->stay && everybody_settled(s))
		loop_stop(s->user.loop);
}

static void end_of_input(struct device_shell *s)
{
	loop_watch_free(&s->watch);
	s->ended = true;
	if (s->input.len && s->input.data[s->input.len - 1] != '\n')
		buf_u8(&s->input, '\n');
}

/* false: nothing more is there at the moment, or ever. */
static bool read_some(struct device_shell *s)
{
	ssize_t len;

	buf_reserve(&s->input, READ_BYTES);
	len = read(s->fd, s->input.data + s->input.len, READ_BYTES);
	if (len > 0) {
		s->input.len += (size_t)len;
		return true;
	}
	if (len == 0 || (errno != EAGAIN && errno != EINTR))
		end_of_input(s);
	return false;
}

static void readable(void *arg, int ready)
{
	struct device_shell *s = arg;

	(void)ready;
	read_some(s);
	loop_defer(s->user.loop, &s->pump);
}

void device_shell_read(struct device_shell *s, int fd, bool stay)
{
	struct stat info;

	s->fd = fd;
	s->stay = stay;
	/* A file (or /dev/null) cannot be waited for, and need not be: all of it is there. */
	if (fstat(fd, &info) == 0 && (S_ISREG(info.st_mode) || (S_ISCHR(info.st_mode) && !isatty(fd)))) {
		while (!s->ended)
			read_some(s);
		loop_defer(s->user.loop, &s->pump);
		return;
	}
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	s->watch = loop_watch_new(s->user.loop, fd, readable, s);
	loop_watch_want(s->watch, LOOP_READ);
}

void device_shell_event(struct device_shell *s)
{
	if (s->input.len || s->ended)
		loop_defer(s->user.loop, &s->pump);
}

struct device_shell *device_shell_new(struct loop *loop, struct device **devices, size_t count,
	const struct device_printer *printer, struct faults *faults)
{
	struct device_shell *s = memory_new(sizeof *s);

	s->devices = devices;
	s->count = count;
	s->user = (struct device_user){ loop, *printer, faults };
	s->pump = (struct loop_task){ .fn = pump, .arg = s };
	return s;
}

void device_shell_free(struct device_shell **shell)
{
	struct device_shell *s = *shell;

	if (!s)
		return;
	loop_drop(s->user.loop, &s->pump);
	loop_watch_free(&s->watch);
	buf_wipe(&s->input);      /* a line may hold a password */
	free(s);
	*shell = NULL;
}
