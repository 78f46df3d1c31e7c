#include "simulator/scenario/scenario_file.h"

#include <fnmatch.h>
#include <libxml/tree.h>
#include <libxml/xmlstring.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/settings.h"
#include "protocol/srp.h"
#include "simulator/xml_file.h"

struct reading {
	struct scenario *scenario;
	struct error *err;
	size_t nodes;
};

static int wrong(struct reading *r, long line, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int wrong(struct reading *r, long line, const char *format, ...)
{
	char text[480];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return error_set(r->err, "%s:%ld: %s", r->scenario->file, line, text);
}

static const char *text_of(const xmlChar *text)
{
	return (const char *)text;
}

/* "by, to and since" */
static void list_words(const char *const *words, struct buf *out)
{
	for (size_t i = 0; words[i]; i++)
		buf_printf(out, "%s%s", i == 0 ? "" : words[i + 1] ? ", " : " and ", words[i]);
}

/* --- values --------------------------------------------------------------------------------------------------------------- */

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
static const char word_letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

static bool is_name(const char *text, size_t len)
{
	return len > 0 && len <= 32 && strchr(letters, text[0]) && strspn(text, word_letters) >= len;
}

static bool is_names(const char *text)
{
	static const char pattern_letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-*";

	for (;;) {
		size_t len = strspn(text, pattern_letters);

		if (len == 0 || len > 32 || (!strchr(letters, text[0]) && text[0] != '*'))
			return false;
		if (!text[len])
			return true;
		if (text[len] != ' ')
			return false;
		text += len + 1;
	}
}

static bool is_key(const char *text)
{
	static const char key_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
	size_t section = strspn(text, key_letters), key;

	if (section == 0 || section > 32 || text[section] != '.')
		return false;
	key = strspn(text + section + 1, key_letters);
	return key > 0 && key <= 64 && !text[section + 1 + key];
}

static bool read_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	size_t len = strspn(text, "0123456789");

	if (len == 0 || len > 10 || text[len])
		return false;
	*out = strtoull(text, NULL, 10);
	return *out >= min && *out <= max;
}

static bool read_choice(const struct scenario_attribute *a, struct scenario_value *value)
{
	for (size_t i = 0; a->choices[i]; i++) {
		if (strcmp(a->choices[i], value->text) == 0) {
			value->number = i;
			return true;
		}
	}
	return false;
}

/* 100 years: what is longer is a mistake, and sums of two stay within a uint64_t. */
static bool read_duration(const char *text, uint64_t *ms)
{
	size_t len = strspn(text, "0123456789");
	const char *unit = text + len;
	struct error err;

	if (len == 0 || len > 9 || (strcmp(unit, "ms") != 0 && strcmp(unit, "s") != 0 && strcmp(unit, "m") != 0 &&
	    strcmp(unit, "h") != 0 && strcmp(unit, "d") != 0))
		return false;
	return duration_parse(text, ms, &err) == 0 && *ms <= UINT64_C(3153600000000);
}

static void say_accepted(const struct scenario_attribute *a, struct buf *out)
{
	switch (a->type) {
	case SCENARIO_TEXT:
		buf_printf(out, "1 to %d characters", SCENARIO_TEXT_MAX);
		break;
	case SCENARIO_NAME:
		buf_text(out, "a letter and at most 31 letters, digits, '_' and '-'");
		break;
	case SCENARIO_NAMES:
		buf_text(out, "names or patterns with '*', with single blanks between them");
		break;
	case SCENARIO_NUMBER:
	case SCENARIO_LIMIT:
		buf_printf(out, "a number from %ju to %ju%s", (uintmax_t)a->min, (uintmax_t)a->max,
			a->type == SCENARIO_LIMIT ? ", or unset" : "");
		break;
	case SCENARIO_DURATION:
	case SCENARIO_TIMEOUT:
		buf_printf(out, "a time such as 250ms, 90s, 31m, 4h or 2d%s", a->type == SCENARIO_TIMEOUT ? ", or unset" : "");
		break;
	case SCENARIO_PIN:
		buf_text(out, "8 hex digits");
		break;
	case SCENARIO_KEY:
		buf_text(out, "section.key");
		break;
	case SCENARIO_CHOICE:
		buf_text(out, "one of ");
		list_words(a->choices, out);
		break;
	}
}

static bool read_value(const struct scenario_attribute *a, struct scenario_value *value)
{
	const char *text = value->text;
	uint32_t pin;
	int characters;

	value->is_unset = (a->type == SCENARIO_LIMIT || a->type == SCENARIO_TIMEOUT) && strcmp(text, "unset") == 0;
	if (value->is_unset)
		return true;
	switch (a->type) {
	case SCENARIO_TEXT:
		characters = xmlUTF8Strlen((const xmlChar *)text);
		return characters > 0 && characters <= SCENARIO_TEXT_MAX;
	case SCENARIO_NAME:
		return is_name(text, strlen(text));
	case SCENARIO_NAMES:
		return strlen(text) <= SCENARIO_TEXT_MAX && is_names(text);
	case SCENARIO_NUMBER:
	case SCENARIO_LIMIT:
		return read_number(text, a->min, a->max, &value->number);
	case SCENARIO_DURATION:
	case SCENARIO_TIMEOUT:
		return read_duration(text, &value->number);
	case SCENARIO_PIN:
		if (strlen(text) != 8 || pin_parse(bytes_str(text), &pin))
			return false;
		value->number = pin;
		return true;
	case SCENARIO_KEY:
		return is_key(text);
	case SCENARIO_CHOICE:
		return read_choice(a, value);
	}
	return false;
}

/* --- attributes ------------------------------------------------------------------------------------------------------------ */

static int unknown_attribute(struct reading *r, long line, const struct scenario_element *e, const char *name)
{
	const char *names[SCENARIO_ATTRIBUTES_MAX + 1] = { NULL };
	struct buf list = { 0 };
	char near[64];

	for (size_t i = 0; i < SCENARIO_ATTRIBUTES_MAX && e->attributes[i].name; i++)
		names[i] = e->attributes[i].name;
	if (names[0]) {
		buf_text(&list, "; it has ");
		list_words(names, &list);
	}
	wrong(r, line, "attribute %s is not one of <%s>%s%s", log_value(bytes_str(name)), e->name, did_you_mean(name, names, near, sizeof near),
		names[0] ? buf_cstr(&list) : ", which has none");
	buf_free(&list);
	return -1;
}

static int read_attribute(struct reading *r, const xmlNode *xml, const xmlAttr *given, struct scenario_node *node)
{
	const struct scenario_element *e = &scenario_elements[node->word];
	xmlChar *text;
	int rc = 0;

	for (size_t i = 0; i < SCENARIO_ATTRIBUTES_MAX && e->attributes[i].name; i++) {
		const struct scenario_attribute *a = &e->attributes[i];

		if (given->ns || strcmp(text_of(given->name), a->name) != 0)
			continue;
		text = xmlNodeListGetString(xml->doc, given->children, 1);
		node->values[i].text = memory_str(text ? text_of(text) : "");
		xmlFree(text);
		if (!read_value(a, &node->values[i])) {
			struct buf accepted = { 0 };

			say_accepted(a, &accepted);
			rc = wrong(r, xmlGetLineNo(xml), "%s of <%s> cannot be %.60s: it is %s", a->name, e->name,
				log_str(node->values[i].text), buf_cstr(&accepted));
			buf_free(&accepted);
		}
		return rc;
	}
	return unknown_attribute(r, xmlGetLineNo(xml), e, text_of(given->name));
}

static int read_attributes(struct reading *r, const xmlNode *xml, struct scenario_node *node)
{
	const struct scenario_element *e = &scenario_elements[node->word];

	for (const xmlAttr *given = xml->properties; given; given = given->next) {
		if (read_attribute(r, xml, given, node))
			return -1;
	}
	for (size_t i = 0; i < SCENARIO_ATTRIBUTES_MAX && e->attributes[i].name; i++) {
		if (e->attributes[i].required && !node->values[i].text)
			return wrong(r, node->line, "<%s> needs the attribute %s: %s", e->name, e->attributes[i].name, e->attributes[i].help);
	}
	return 0;
}

/* --- what stands in what ---------------------------------------------------------------------------------------------------- */

static int find_word(const char *name)
{
	for (int w = 0; w < SCENARIO_WORDS; w++) {
		if (strcmp(scenario_elements[w].name, name) == 0)
			return w;
	}
	return -1;
}

/* The names of all elements of these kinds. */
static void say_allowed(unsigned kinds, struct buf *out)
{
	const char *names[SCENARIO_WORDS + 1] = { NULL };
	size_t count = 0;

	for (int w = 0; w < SCENARIO_WORDS; w++) {
		if (scenario_elements[w].kind & kinds)
			names[count++] = scenario_elements[w].name;
	}
	if (count)
		list_words(names, out);
	else
		buf_text(out, "nothing");
}

static int misplaced(struct reading *r, long line, const struct scenario_element *in, const char *name, unsigned kinds)
{
	const char *names[SCENARIO_WORDS + 1] = { NULL };
	struct buf allowed = { 0 };
	size_t count = 0;
	char near[64];

	for (int w = 0; w < SCENARIO_WORDS; w++) {
		if (scenario_elements[w].kind & kinds)
			names[count++] = scenario_elements[w].name;
	}
	say_allowed(kinds, &allowed);
	if (find_word(name) >= 0)
		wrong(r, line, "<%s> may not stand here in <%s>; allowed is %s", name, in->name, buf_cstr(&allowed));
	else
		wrong(r, line, "<%.40s> may not stand in <%s>%s; allowed is %s", log_str(name), in->name,
			did_you_mean(name, names, near, sizeof near), buf_cstr(&allowed));
	buf_free(&allowed);
	return -1;
}

static bool is_missing(const struct scenario_part *part, size_t count)
{
	return count == 0 && (part->times == EXACTLY_ONE || part->times == AT_LEAST_ONE);
}

static bool is_full(const struct scenario_part *part, size_t count)
{
	return count > 0 && (part->times == EXACTLY_ONE || part->times == AT_MOST_ONE);
}

static int missing(struct reading *r, const struct scenario_node *node, unsigned kinds)
{
	struct buf allowed = { 0 };

	say_allowed(kinds, &allowed);
	wrong(r, node->line, "<%s> lacks what must stand in it, one of: %s", scenario_elements[node->word].name, buf_cstr(&allowed));
	buf_free(&allowed);
	return -1;
}

static struct scenario_node *add_node(struct scenario_node *parent, enum scenario_word word, long line)
{
	struct scenario_node *node = memory_new(sizeof *node);

	node->word = word;
	node->line = (unsigned)line;
	if (parent && parent->last)
		parent->last->next = node;
	else if (parent)
		parent->first = node;
	if (parent)
		parent->last = node;
	return node;
}

static int read_element(struct reading *r, const xmlNode *xml, struct scenario_node *node, unsigned depth);

/* One child: finds its part, from where the last one was on. */
static int read_child(struct reading *r, const xmlNode *xml, struct scenario_node *node, const struct scenario_part **part, size_t *count,
	unsigned depth)
{
	const struct scenario_element *e = &scenario_elements[node->word];
	long line = xmlGetLineNo(xml);
	const struct scenario_part *at = *part;
	size_t there = *count;
	unsigned allowed = 0;
	int word;

	if (xml->type == XML_COMMENT_NODE || xml->type == XML_PI_NODE || xmlIsBlankNode(xml))
		return 0;
	if (xml->type != XML_ELEMENT_NODE)
		return wrong(r, line, "<%s> holds text; values stand in attributes", e->name);
	word = xml->ns ? -1 : find_word(text_of(xml->name));
	for (; at->kinds; at++, there = 0) {
		if (!is_full(at, there))
			allowed |= at->kinds;
		if (word >= 0 && !is_full(at, there) && scenario_elements[word].kind & at->kinds)
			break;
		if (is_missing(at, there))
			return misplaced(r, line, e, text_of(xml->name), allowed);
	}
	if (!at->kinds)
		return misplaced(r, line, e, text_of(xml->name), allowed);
	*part = at;
	*count = there + 1;
	if (depth >= SCENARIO_DEPTH_MAX)
		return wrong(r, line, "elements stand more than %d deep in each other", SCENARIO_DEPTH_MAX);
	if (++r->nodes > SCENARIO_NODES_MAX)
		return wrong(r, line, "the file has more than %d elements", SCENARIO_NODES_MAX);
	return read_element(r, xml, add_node(node, (enum scenario_word)word, line), depth + 1);
}

static int read_element(struct reading *r, const xmlNode *xml, struct scenario_node *node, unsigned depth)
{
	const struct scenario_part *part = scenario_elements[node->word].holds;
	size_t count = 0;

	if (read_attributes(r, xml, node))
		return -1;
	for (const xmlNode *child = xml->children; child; child = child->next) {
		if (read_child(r, child, node, &part, &count, depth))
			return -1;
	}
	for (; part->kinds; part++, count = 0) {
		if (is_missing(part, count))
			return missing(r, node, part->kinds);
	}
	return 0;
}

/* --- the file ---------------------------------------------------------------------------------------------------------------- */

static int read_root(struct reading *r, const xmlNode *xml)
{
	if (!xml || xml->ns || strcmp(text_of(xml->name), scenario_elements[WORD_SCENARIO].name) != 0)
		return wrong(r, xml ? xmlGetLineNo(xml) : 1, "the file must be one <scenario>");
	r->scenario->root = add_node(NULL, WORD_SCENARIO, xmlGetLineNo(xml));
	return read_element(r, xml, r->scenario->root, 1);
}

struct scenario *scenario_parse(struct bytes xml, const char *name, struct error *err)
{
	struct reading r = { .err = err };
	xmlDocPtr doc = xml_file_parse(xml, name, SCENARIO_FILE_MAX, err);

	if (!doc)
		return NULL;
	r.scenario = memory_new(sizeof *r.scenario);
	r.scenario->file = memory_str(name);
	if (read_root(&r, xmlDocGetRootElement(doc)))
		scenario_free(&r.scenario);
	xmlFreeDoc(doc);
	return r.scenario;
}

struct scenario *scenario_load(const char *file, struct error *err)
{
	struct scenario *scenario = NULL;
	struct buf content = { 0 };

	if (xml_file_read(file, SCENARIO_FILE_MAX, &content, err) == 0)
		scenario = scenario_parse(buf_bytes(&content), file, err);
	buf_free(&content);
	return scenario;
}

/* Depth is bounded by SCENARIO_DEPTH_MAX. */
static void node_free(struct scenario_node *node)
{
	while (node) {
		struct scenario_node *next = node->next;

		node_free(node->first);
		for (size_t i = 0; i < SCENARIO_ATTRIBUTES_MAX; i++)
			free(node->values[i].text);
		free(node);
		node = next;
	}
}

void scenario_free(struct scenario **scenario)
{
	if (!*scenario)
		return;
	node_free((*scenario)->root);
	free((*scenario)->file);
	free(*scenario);
	*scenario = NULL;
}

/* --- what was read ------------------------------------------------------------------------------------------------------------- */

const struct scenario_value *scenario_value(const struct scenario_node *node, const char *attribute)
{
	const struct scenario_element *e = &scenario_elements[node->word];

	for (size_t i = 0; i < SCENARIO_ATTRIBUTES_MAX && e->attributes[i].name; i++) {
		if (strcmp(e->attributes[i].name, attribute) == 0)
			return &node->values[i];
	}
	bug("<%s> has no attribute %s", e->name, attribute);
}

const char *scenario_text(const struct scenario_node *node, const char *attribute)
{
	return scenario_value(node, attribute)->text;
}

uint64_t scenario_number(const struct scenario_node *node, const char *attribute, uint64_t fallback)
{
	const struct scenario_value *value = scenario_value(node, attribute);

	return value->text ? value->number : fallback;
}

bool scenario_has(const struct scenario_node *node, const char *attribute)
{
	return scenario_value(node, attribute)->text != NULL;
}

void scenario_words(const struct scenario_node *node, struct buf *out)
{
	const struct scenario_element *e = &scenario_elements[node->word];

	buf_text(out, e->name);
	for (size_t i = 0; i < SCENARIO_ATTRIBUTES_MAX && e->attributes[i].name; i++) {
		const char *text = node->values[i].text;

		if (!text)
			continue;
		if (strcmp(e->attributes[i].name, "password") == 0)
			text = "...";
		if (e->attributes[i].required || strcmp(e->attributes[i].name, "by") == 0)
			buf_printf(out, " %s", text);
		else
			buf_printf(out, " %s=%s", e->attributes[i].name, text);
	}
}

const struct scenario_node *scenario_child(const struct scenario_node *node, enum scenario_word word)
{
	const struct scenario_node *child = node->first;

	while (child && child->word != word)
		child = child->next;
	return child;
}

bool scenario_names_match(const char *names, const char *name)
{
	char pattern[SCENARIO_TEXT_MAX + 1];

	while (*names) {
		size_t len = strcspn(names, " ");

		snprintf(pattern, sizeof pattern, "%.*s", (int)len, names);
		if (fnmatch(pattern, name, 0) == 0)
			return true;
		names += len + (names[len] == ' ');
	}
	return false;
}
