#include "simulator/scenario/scenario_schema.h"

#include <inttypes.h>

#include "base/xml_text.h"
#include "simulator/scenario/scenario_file.h"

/* --- RELAX NG ----------------------------------------------------------------------------------------------------------- */

static void pattern(struct buf *out, const char *indent, const char *regex)
{
	buf_printf(out, "%s<data type=\"string\"><param name=\"pattern\">%s</param></data>\n", indent, regex);
}

static void number(struct buf *out, const char *indent, const struct scenario_attribute *a)
{
	buf_printf(out, "%s<data type=\"unsignedLong\"><param name=\"pattern\">[0-9]{1,10}</param>"
		"<param name=\"minInclusive\">%" PRIu64 "</param><param name=\"maxInclusive\">%" PRIu64 "</param></data>\n", indent, a->min,
		a->max);
}

static void value(struct buf *out, const struct scenario_attribute *a)
{
	static const char in[] = "\t\t\t\t\t", deeper[] = "\t\t\t\t\t\t";
	static const char duration[] = "[0-9]{1,9}(ms|s|m|h|d)";
	bool may_be_unset = a->type == SCENARIO_LIMIT || a->type == SCENARIO_TIMEOUT;

	if (may_be_unset)
		buf_printf(out, "%s<choice>\n%s<value type=\"string\">unset</value>\n", in, deeper);
	switch (a->type) {
	case SCENARIO_TEXT:
		buf_printf(out, "%s<data type=\"string\"><param name=\"minLength\">1</param><param name=\"maxLength\">%d</param></data>\n", in,
			SCENARIO_TEXT_MAX);
		break;
	case SCENARIO_NAME:
		pattern(out, in, "[a-zA-Z][a-zA-Z0-9_\\-]{0,31}");
		break;
	case SCENARIO_NAMES:
		buf_printf(out, "%s<data type=\"string\"><param name=\"pattern\">[a-zA-Z*][a-zA-Z0-9_\\-*]{0,31}"
			"( [a-zA-Z*][a-zA-Z0-9_\\-*]{0,31})*</param><param name=\"maxLength\">%d</param></data>\n", in, SCENARIO_TEXT_MAX);
		break;
	case SCENARIO_NUMBER:
	case SCENARIO_LIMIT:
		number(out, may_be_unset ? deeper : in, a);
		break;
	case SCENARIO_DURATION:
	case SCENARIO_TIMEOUT:
		pattern(out, may_be_unset ? deeper : in, duration);
		break;
	case SCENARIO_PIN:
		pattern(out, in, "[0-9A-Fa-f]{8}");
		break;
	case SCENARIO_KEY:
		pattern(out, in, "[a-z0-9_]{1,32}\\.[a-z0-9_]{1,64}");
		break;
	case SCENARIO_CHOICE:
		buf_printf(out, "%s<choice>\n", in);
		for (size_t i = 0; a->choices[i]; i++)
			buf_printf(out, "%s<value type=\"string\">%s</value>\n", deeper, a->choices[i]);
		buf_printf(out, "%s</choice>\n", in);
		break;
	}
	if (may_be_unset)
		buf_printf(out, "%s</choice>\n", in);
}

static void documentation(struct buf *out, const char *indent, const char *help)
{
	buf_printf(out, "%s<a:documentation>", indent);
	buf_xml_text(out, help);
	buf_text(out, "</a:documentation>\n");
}

static void attribute(struct buf *out, const struct scenario_attribute *a)
{
	if (!a->required)
		buf_text(out, "\t\t\t<optional>\n");
	buf_printf(out, "\t\t\t\t<attribute name=\"%s\">\n", a->name);
	documentation(out, "\t\t\t\t\t", a->help);
	value(out, a);
	buf_text(out, "\t\t\t\t</attribute>\n");
	if (!a->required)
		buf_text(out, "\t\t\t</optional>\n");
}

static void part(struct buf *out, const struct scenario_part *p)
{
	static const char *const around[] = {
		[AT_MOST_ONE] = "optional", [EXACTLY_ONE] = "group", [ANY_NUMBER] = "zeroOrMore", [AT_LEAST_ONE] = "oneOrMore",
	};

	buf_printf(out, "\t\t\t<%s><ref name=\"any-%s\"/></%s>\n", around[p->times], scenario_kind_name((enum scenario_kind)p->kinds),
		around[p->times]);
}

static void element(struct buf *out, const struct scenario_element *e)
{
	buf_printf(out, "\n\t<define name=\"%s\">\n\t\t<element name=\"%s\">\n", e->name, e->name);
	documentation(out, "\t\t\t", e->help);
	for (size_t i = 0; i < SCENARIO_ATTRIBUTES_MAX && e->attributes[i].name; i++)
		attribute(out, &e->attributes[i]);
	for (const struct scenario_part *p = e->holds; p->kinds; p++)
		part(out, p);
	if (!e->holds[0].kinds)
		buf_text(out, "\t\t\t<empty/>\n");
	buf_text(out, "\t\t</element>\n\t</define>\n");
}

static void kind(struct buf *out, enum scenario_kind of)
{
	buf_printf(out, "\n\t<define name=\"any-%s\">\n\t\t<choice>\n", scenario_kind_name(of));
	for (int w = 0; w < SCENARIO_WORDS; w++) {
		if (scenario_elements[w].kind & of)
			buf_printf(out, "\t\t\t<ref name=\"%s\"/>\n", scenario_elements[w].name);
	}
	buf_text(out, "\t\t</choice>\n\t</define>\n");
}

void scenario_schema_print(struct buf *out)
{
	static const enum scenario_kind kinds[] = { KIND_LAB, KIND_SETTING, KIND_CAST, KIND_STEPS, KIND_STEP };

	buf_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<!-- What may stand in a scenario of `bramble-sim run`. Written by `make docs` from simulator/scenario/scenario_words.c. -->\n"
		"<grammar xmlns=\"http://relaxng.org/ns/structure/1.0\" xmlns:a=\"http://relaxng.org/ns/compatibility/annotations/1.0\"\n"
		"\tdatatypeLibrary=\"http://www.w3.org/2001/XMLSchema-datatypes\">\n"
		"\t<start><ref name=\"scenario\"/></start>\n");
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		kind(out, kinds[i]);
	for (int w = 0; w < SCENARIO_WORDS; w++)
		element(out, &scenario_elements[w]);
	buf_text(out, "</grammar>\n");
}

/* --- the reference ------------------------------------------------------------------------------------------------------- */

static void say_value(struct buf *out, const struct scenario_attribute *a)
{
	switch (a->type) {
	case SCENARIO_TEXT:
		buf_text(out, "text");
		break;
	case SCENARIO_NAME:
		buf_text(out, "name");
		break;
	case SCENARIO_NAMES:
		buf_text(out, "devices");
		break;
	case SCENARIO_NUMBER:
		buf_text(out, "number");
		break;
	case SCENARIO_LIMIT:
		buf_text(out, "number or unset");
		break;
	case SCENARIO_DURATION:
		buf_text(out, "time");
		break;
	case SCENARIO_TIMEOUT:
		buf_text(out, "time or unset");
		break;
	case SCENARIO_PIN:
		buf_text(out, "8 hex digits");
		break;
	case SCENARIO_KEY:
		buf_text(out, "section.key");
		break;
	case SCENARIO_CHOICE:
		if (a->choices == scenario_elements[WORD_EXPECT_COUNT].attributes[0].choices) {
			buf_text(out, "see the next table");
			break;
		}
		for (size_t i = 0; a->choices[i]; i++)
			buf_printf(out, "%s%s", i ? ", " : "", a->choices[i]);
		break;
	}
}

void scenario_reference_print(unsigned kinds, struct buf *out)
{
	buf_text(out, "| element | attribute | value | what it says |\n| --- | --- | --- | --- |\n");
	for (int w = 0; w < SCENARIO_WORDS; w++) {
		const struct scenario_element *e = &scenario_elements[w];

		if (!(e->kind & kinds))
			continue;
		buf_printf(out, "| `%s` | | | %s |\n", e->name, e->help);
		for (size_t i = 0; i < SCENARIO_ATTRIBUTES_MAX && e->attributes[i].name; i++) {
			const struct scenario_attribute *a = &e->attributes[i];

			buf_printf(out, "| | `%s`%s | ", a->name, a->required ? " (needed)" : "");
			say_value(out, a);
			buf_printf(out, " | %s |\n", a->help);
		}
	}
}

void scenario_counts_print(struct buf *out)
{
	static const char *const sources[] = {
		[COUNT_OF_SESSIONS] = "Collaboration Service", [COUNT_OF_COLLAB] = "Collaboration Service, since it started",
		[COUNT_OF_IM_SERVER] = "IM server", [COUNT_OF_DATABASE] = "database", [COUNT_OF_DEVICES] = "devices",
	};

	buf_text(out, "| count | asked of | what is counted |\n| --- | --- | --- |\n");
	for (const struct scenario_count *c = scenario_counts; c->name; c++)
		buf_printf(out, "| `%s` | %s | %s |\n", c->name, sources[c->source], c->help);
}
