#include "simulator/load/load_people.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/im.h"

#define FIRST_PIN 0x22000001u      /* as admin/lab.h has it */
#define LINE_MAX_BYTES 1024

int load_person_store(void *ctx, const struct device_identity *identity, struct error *err)
{
	const struct load_person *person = ctx;

	return device_keys_store(person->path, identity, false, err);
}

static int add(struct load_people *people, const char *folder, const char *pin, const char *user, const char *password, struct error *err)
{
	struct load_person *person = &people->list[people->count++];

	person->user = memory_str(user);
	person->password = memory_str(password);
	person->path = memory_printf("%s/%s.json", folder, pin);
	return device_keys_load(person->path, &person->identity, err);
}

static int read_made_ones(const struct load_people_choice *choice, struct load_people *out, struct error *err)
{
	for (size_t i = choice->first; i < choice->first + choice->count; i++) {
		char pin[16], user[32], password[48];

		snprintf(pin, sizeof pin, "%08X", (unsigned)(FIRST_PIN + i - 1));
		snprintf(user, sizeof user, "user%04zu", i);
		snprintf(password, sizeof password, "%s-secret", user);
		if (add(out, choice->folder, pin, user, password, err)) {
			if (i > choice->first)
				error_prefix(err, "only %zu of the devices are there (bramble lab up --users N makes N): ", i - choice->first);
			return -1;
		}
	}
	return 0;
}

/* One line of the file: three words. */
static int read_line(const struct load_people_choice *choice, char *line, unsigned number, struct load_people *out, struct error *err)
{
	char *rest = line, *words[4] = { NULL }, *word;
	size_t count = 0;
	uint32_t pin;

	while (count < 4 && (word = strsep(&rest, " \t\n")))
		if (*word)
			words[count++] = word;
	if (count != 3 || pin_parse(bytes_str(words[0]), &pin))
		return error_set(err, "%s: line %u is not PIN USER PASSWORD", choice->file, number);
	if (strlen(words[1]) > IM_USER_MAX || strlen(words[2]) > IM_PASSWORD_MAX)
		return error_set(err, "%s: line %u: a user has at most %d bytes, a password %d", choice->file, number, IM_USER_MAX, IM_PASSWORD_MAX);
	return add(out, choice->folder, pin_text(pin), words[1], words[2], err);
}

static int read_lines(const struct load_people_choice *choice, FILE *file, struct load_people *out, struct error *err)
{
	char line[LINE_MAX_BYTES];
	size_t people = 0;
	int rc = 0;

	for (unsigned number = 1; rc == 0 && out->count < choice->count && fgets(line, sizeof line, file); number++) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (!strchr(line, '\n') && !feof(file))
			rc = error_set(err, "%s: line %u has more than %d bytes", choice->file, number, LINE_MAX_BYTES - 2);
		else if (++people >= choice->first)
			rc = read_line(choice, line, number, out, err);
	}
	explicit_bzero(line, sizeof line);
	if (rc == 0 && out->count < choice->count)
		rc = error_set(err, "%s has %zu people, not the %zu that are wanted from number %zu on", choice->file, people, choice->count,
			choice->first);
	return rc;
}

static int read_file(const struct load_people_choice *choice, struct load_people *out, struct error *err)
{
	FILE *file = fopen(choice->file, "r");
	struct stat info;
	int rc;

	if (!file)
		return error_set(err, "%s: %s", choice->file, strerror(errno));
	if (fstat(fileno(file), &info) || !S_ISREG(info.st_mode))
		rc = error_set(err, "%s is not a regular file", choice->file);
	else if (info.st_mode & 077)
		rc = error_set(err, "%s: mode %03o lets others read the passwords in it; chmod 600 it", choice->file, (unsigned)info.st_mode & 0777);
	else
		rc = read_lines(choice, file, out, err);
	fclose(file);
	return rc;
}

int load_people_read(const struct load_people_choice *choice, struct load_people *out, struct error *err)
{
	int rc;

	*out = (struct load_people){ .list = memory_new(choice->count * sizeof *out->list) };
	rc = choice->file ? read_file(choice, out, err) : read_made_ones(choice, out, err);
	if (rc)
		load_people_free(out);
	return rc;
}

void load_people_free(struct load_people *people)
{
	for (size_t i = 0; i < people->count; i++) {
		struct load_person *person = &people->list[i];

		device_identity_free(&person->identity);
		memory_wipe_str(&person->password);
		free(person->user);
		free(person->path);
	}
	free(people->list);
	*people = (struct load_people){ .list = NULL };
}
