#include "simulator/device/device_shell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/nearest.h"

#define LINE_MAX_BYTES (IM_TEXT_MAX + IM_USER_MAX + 64)
#define READ_BYTES 16384

struct device_shell {
	struct loop *loop;
	struct device **devices;
	size_t count;
	struct device_printer printer;
	struct loop_watch *watch;
	struct loop_task pump;
	int fd;
	struct buf input;
	bool ended, stay;
};

/* --- the commands ------------------------------------------------------------------------------------------------------ */

struct words { struct bytes rest; };

static struct bytes trim(struct bytes text)
{
	while (text.len && (text.data[0] == ' ' || text.data[0] == '\t'))
		text = bytes_slice(text, 1, text.len);
	while (text.len && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t' || text.data[text.len - 1] == '\r'))
		text.len--;
	return text;
}

static struct bytes next_word(struct words *words)
{
	struct bytes text = trim(words->rest);
	size_t len = 0;

	while (len < text.len && text.data[len] != ' ' && text.data[len] != '\t')
		len++;
	words->rest = trim(bytes_slice(text, len, text.len));
	return bytes_slice(text, 0, len);
}

static int on_or_off(struct words *words, const char *command, bool *out, struct error *err)
{
	struct bytes word = next_word(words);

	*out = bytes_is(word, "on");
	return *out || bytes_is(word, "off") ? 0 : error_set(err, "%s takes on or off", command);
}

static int do_login(struct device_shell *s, struct device *d, struct words words, struct error *err)
{
	struct bytes user = next_word(&words);

	(void)s;
	if (user.len == 0)
		return error_set(err, "login takes a user and a password");
	return device_login(d, user, words.rest, err);
}

static int do_send(struct device_shell *s, struct device *d, struct words words, struct error *err)
{
	struct bytes to = next_word(&words);

	(void)s;
	if (to.len == 0 || words.rest.len == 0)
		return error_set(err, "send takes a user and what to say");
	return device_send(d, to, words.rest, NULL, err);
}

static int do_status(struct device_shell *s, struct device *d, struct words words, struct error *err)
{
	struct bytes name = next_word(&words);

	(void)s;
	for (enum im_presence presence = IM_AVAILABLE; presence <= IM_AWAY; presence++) {
		if (bytes_is(name, im_presence_name(presence)))
			return device_presence(d, presence, words.rest, err);
	}
	return error_set(err, "status takes available, busy or away, and words if you like");
}

static int do_logout(struct device_shell *s, struct device *d, struct words words, struct error *err)
{
	(void)s;
	(void)words;
	return device_logout(d, err);
}

static int do_contacts(struct device_shell *s, struct device *d, struct words words, struct error *err)
{
	(void)words;
	(void)err;
	device_print_contacts(&s->printer, d);
	return 0;
}

static int do_coverage(struct device_shell *s, struct device *d, struct words words, struct error *err)
{
	bool on;

	(void)s;
	if (on_or_off(&words, "coverage", &on, err))
		return -1;
	device_coverage(d, on);
	return 0;
}

static int do_silent(struct device_shell *s, struct device *d, struct words words, struct error *err)
{
	bool on;

	(void)s;
	if (on_or_off(&words, "silent", &on, err))
		return -1;
	device_silent(d, on);
	return 0;
}

static int do_session(struct device_shell *s, struct device *d, struct words words, struct error *err)
{
	(void)words;
	(void)err;
	device_print_session(&s->printer, d);
	return 0;
}

static int do_quit(struct device_shell *s, struct device *d, struct words words, struct error *err)
{
	(void)d;
	(void)words;
	(void)err;
	loop_stop(s->loop);
	return 0;
}

static int do_help(struct device_shell *s, struct device *d, struct words words, struct error *err)
{
	(void)d;
	(void)words;
	(void)err;
	device_shell_help(s->printer.json ? stderr : s->printer.out);
	fflush(s->printer.out);
	return 0;
}

static const struct command {
	const char *name, *arguments, *help;
	bool waits;          /* for the outcome of a login under way */
	bool once;           /* not for each device */
	int (*run)(struct device_shell *s, struct device *d, struct words words, struct error *err);
} commands[] = {
	{ "login", "USER PASSWORD", "begin a session", true, false, do_login },
	{ "send", "USER TEXT", "say something to somebody", true, false, do_send },
	{ "status", "available|busy|away [TEXT]", "your own availability", true, false, do_status },
	{ "contacts", "", "the contact list", true, false, do_contacts },
	{ "session", "", "state of the session and the link", true, false, do_session },
	{ "logout", "", "end the session", true, false, do_logout },
	{ "coverage", "off|on", "lose the link, find it again", false, false, do_coverage },
	{ "silent", "on|off", "keep the link, stop or resume the status messages", false, false, do_silent },
	{ "help", "", "this list", false, true, do_help },
	{ "quit", "", "switch the device off; the session stays with the service", false, true, do_quit },
};
#define COMMANDS (sizeof commands / sizeof commands[0])

void device_shell_help(FILE *out)
{
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-8s %-28s %s\n", commands[i].name, commands[i].arguments, commands[i].help);
	fprintf(out, "  With several devices in one process a line is for all of them, or for one with @PIN before it.\n");
}

/* --- a line ------------------------------------------------------------------------------------------------------------ */

/* A line taken apart: the devices from..to that it is for, the command, and its arguments. */
struct order {
	size_t from, to;
	const struct command *command;
	struct words words;
};

static int unknown_command(struct bytes name, struct error *err)
{
	const char *names[COMMANDS + 1] = { 0 };
	char near[64];
	char typed[32];

	for (size_t i = 0; i < COMMANDS; i++)
		names[i] = commands[i].name;
	bytes_copy_str(bytes_slice(name, 0, sizeof typed - 1), typed, sizeof typed);
	did_you_mean(typed, names, near, sizeof near);
	return error_set(err, "unknown command %s%s", log_value(name), near[0] ? near : "; help lists them");
}

static int understand(struct device_shell *s, struct bytes line, struct order *order, struct error *err)
{
	struct words words = { line };
	struct bytes word = next_word(&words);

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
		word = next_word(&words);
	}
	if (word.len == 0 || word.data[0] == '#')
		return 0;
	for (size_t i = 0; i < COMMANDS; i++) {
		if (bytes_is(word, commands[i].name)) {
			order->command = &commands[i];
			order->words = words;
			return 0;
		}
	}
	return unknown_command(word, err);
}

static bool must_wait(const struct device_shell *s, const struct order *order)
{
	if (!order->command || !order->command->waits)
		return false;
	for (size_t i = order->from; i < order->to; i++) {
		if (device_state(s->devices[i]) == DEVICE_LOGGING_IN)
			return true;
	}
	return false;
}

static void carry_out(struct device_shell *s, const struct order *order)
{
	struct error err;

	if (!order->command)
		return;
	for (size_t i = order->from; i < order->to; i++) {
		if (order->command->run(s, s->devices[i], order->words, &err))
			device_print_error(&s->printer, s->devices[i], err.text);
		if (order->command->once)
			break;
	}
}

/* false: it has to wait, and was not carried out. */
static bool try_line(struct device_shell *s, struct bytes line)
{
	struct order order;
	struct error err;

	if (understand(s, line, &order, &err))
		device_print_error(&s->printer, s->devices[0], err.text);
	else if (must_wait(s, &order))
		return false;
	else
		carry_out(s, &order);
	return true;
}

void device_shell_line(struct device_shell *s, struct bytes line)
{
	buf_append(&s->input, line);
	buf_u8(&s->input, '\n');
	loop_defer(s->loop, &s->pump);
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

/* Carries out what has come as whole lines, up to one that has to wait. */
static void pump(void *arg)
{
	struct device_shell *s = arg;
	uint8_t *end;

	while (s->input.len && (end = memchr(s->input.data, '\n', s->input.len))) {
		size_t len = (size_t)(end - s->input.data);

		if (!try_line(s, bytes_of(s->input.data, len)))
			return;
		buf_consume(&s->input, len + 1);
	}
	if (s->input.len > LINE_MAX_BYTES) {
		device_print_error(&s->printer, s->devices[0], "the line is too long and is left out");
		buf_clear(&s->input);
	}
	if (s->ended && !s->stay && everybody_settled(s))
		loop_stop(s->loop);
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
	loop_defer(s->loop, &s->pump);
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
		loop_defer(s->loop, &s->pump);
		return;
	}
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	s->watch = loop_watch_new(s->loop, fd, readable, s);
	loop_watch_want(s->watch, LOOP_READ);
}

void device_shell_event(struct device_shell *s)
{
	if (s->input.len || s->ended)
		loop_defer(s->loop, &s->pump);
}

struct device_shell *device_shell_new(struct loop *loop, struct device **devices, size_t count,
	const struct device_printer *printer)
{
	struct device_shell *s = memory_new(sizeof *s);

	s->loop = loop;
	s->devices = devices;
	s->count = count;
	s->printer = *printer;
	s->pump = (struct loop_task){ .fn = pump, .arg = s };
	return s;
}

void device_shell_free(struct device_shell **shell)
{
	struct device_shell *s = *shell;

	if (!s)
		return;
	loop_drop(s->loop, &s->pump);
	loop_watch_free(&s->watch);
	buf_wipe(&s->input);      /* a line may hold a password */
	free(s);
	*shell = NULL;
}
