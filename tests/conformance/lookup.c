/* What a case says: settings, arrays and blocks by name. */
#include "case.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *case_text(const struct test_case *c, const char *key)
{
	for (size_t i = 0; i < c->n_setting; i++)
		if (!strcmp(c->setting[i].key, key))
			return c->setting[i].value;
	return NULL;
}

int case_is(const struct test_case *c, const char *key, const char *value)
{
	const char *text = case_text(c, key);
	return text && !strcmp(text, value);
}

double case_number(const struct test_case *c, const char *key, double fallback)
{
	char *end;
	const char *text = case_text(c, key);
	if (!text)
		return fallback;
	double value = strtod(text, &end);
	return *end ? NAN : value;
}

unsigned long long case_integer(const struct test_case *c, const char *key)
{
	const char *text = case_text(c, key);
	return text ? strtoull(text, NULL, 10) : 0;
}

double case_nth(const struct test_case *c, const char *key, size_t k)
{
	const char *text = case_text(c, key);
	for (; text && k; k--) {
		text = strchr(text, ' ');
		text = text ? text + 1 : NULL;
	}
	if (!text)
		return NAN;
	char *end;
	double value = strtod(text, &end);
	return *end && *end != ' ' ? NAN : value;
}

struct case_array *case_block_array(const struct test_case *c, size_t block, const char *name)
{
	for (size_t i = 0; i < c->n_array; i++)
		if (c->array[i].block == block && !strcmp(c->array[i].name, name))
			return &c->array[i];
	return NULL;
}

struct case_array *case_array(const struct test_case *c, const char *name)
{
	struct case_array *array = case_block_array(c, 0, name);
	size_t result = case_next_block(c, BLOCK_RESULT, 0);
	return array ? array : case_block_array(c, result, name);
}

size_t case_next_block(const struct test_case *c, int kind, size_t from)
{
	while (from < c->n_block && c->block[from].kind != kind)
		from++;
	return from;
}

size_t case_batch(const struct test_case *c)
{
	double n = case_nth(c, "shape", 0);
	return n >= 1 && n <= 1e6 ? (size_t)n : 1;
}

size_t case_elements(const struct test_case *c)
{
	double n = 1, k;
	for (size_t i = 1; k = case_nth(c, "shape", i), k >= 1 && n * k <= 1e9; i++)
		n *= k;
	return (size_t)n;
}
