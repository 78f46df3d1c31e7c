#include "base/nearest.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Insertions, deletions, substitutions and swaps of neighbours, letter case left out. */
static unsigned edits_between(const char *a, const char *b)
{
	enum { MAX = 64 };
	unsigned rows[3][MAX + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > MAX || b_len > MAX)
		return UINT_MAX;
	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned differs = strncasecmp(a + i - 1, b + j - 1, 1) != 0;

			row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + differs);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && above2[j - 2] + 1 < row[j])
				row[j] = above2[j - 2] + 1;
		}
	}
	return rows[a_len % 3][b_len];
}

const char *nearest_name(const char *typed, const char *const *names)
{
	size_t len = strlen(typed);
	unsigned best = (unsigned)(len < 4 ? 1 : len < 9 ? 2 : len / 3);
	const char *found = NULL;

	for (; *names; names++) {
		unsigned edits = edits_between(typed, *names);

		if (edits < best || (edits == best && !found)) {
			best = edits;
			found = *names;
		}
	}
	return found;
}

const char *did_you_mean(const char *typed, const char *const *names, char *text, size_t size)
{
	const char *near = nearest_name(typed, names);

	if (near)
		snprintf(text, size, "; did you mean %s?", near);
	else
		text[0] = '\0';
	return text;
}
