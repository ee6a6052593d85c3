#include "base/option.h"
#include "base/error.h"
#include "base/number.h"
#include <math.h>
#include <string.h>

enum { MAX_NAME = 64, MAX_CANDIDATE = 128 };

/* Number of single-letter changes, insertions, deletions and swaps of neighbours between two words. */
static int distance(const char *a, size_t n, const char *b)
{
	int row[3][MAX_NAME + 1];
	size_t m = strlen(b);
	if (n > MAX_NAME || m > MAX_NAME)
		return MAX_NAME;
	for (size_t j = 0; j <= m; j++)
		row[0][j] = (int)j;
	for (size_t i = 1; i <= n; i++) {
		int *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
		now[0] = (int)i;
		for (size_t j = 1; j <= m; j++) {
			int best = last[j - 1] + (a[i - 1] != b[j - 1]);
			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
	}
	return row[n % 3][m];
}

const char *dmi_nearest(const char *word, size_t n, const char *const *candidate, size_t n_candidate)
{
	const char *nearest = NULL;
	int best = (int)(n / 2) + 2;
	for (size_t i = 0; i < n_candidate; i++) {
		int d = distance(word, n, candidate[i]);
		if (d < best) {
			best = d;
			nearest = candidate[i];
		}
	}
	return nearest;
}

const dm_option *dmi_option_row(const dm_option *table, int32_t k)
{
	return (const dm_option *)(const void *)((const char *)table + (size_t)k * table->struct_size);
}

int dmi_name_is_good(const char *name, size_t n)
{
	size_t i = 0;
	while (i < n && (unsigned char)name[i] > ' ' && name[i] != 127 && !strchr("|:,;=\"\\", name[i]))
		i++;
	return n > 0 && n < MAX_NAME && i == n;
}

/* A copy of a piece of text, for messages. */
static const char *piece(char out[MAX_NAME + 1], const char *text, size_t n)
{
	size_t k = n < MAX_NAME ? n : MAX_NAME;
	memcpy(out, text, k);
	out[k] = 0;
	return out;
}

static dm_status unknown(dm_error *err, const char *what, const char *word, size_t n, const char *const *candidate,
                         size_t n_candidate)
{
	char own[MAX_NAME + 1];
	const char *nearest = dmi_nearest(word, n, candidate, n_candidate);
	for (size_t i = 0; i < n_candidate; i++)
		if (dmi_same_name(word, n, candidate[i], strlen(candidate[i])))
			nearest = candidate[i];
	if (nearest)
		return dmi_fail(err, DM_ERR_NAME, "%s: unknown name \"%s\", did you mean \"%s\"?", what, piece(own, word, n),
		                nearest);
	return dmi_fail(err, DM_ERR_NAME, "%s: unknown name \"%s\"", what, piece(own, word, n));
}

/* A name that is none here: what it is called here, if it is known from elsewhere, or the nearest one. */
static dm_status unknown_method(dm_error *err, const struct dmi_method *const *registry, int32_t n, const char *kind,
                                const char *word, size_t length)
{
	const char *candidate[MAX_CANDIDATE];
	char own[MAX_NAME + 1], options[2 * MAX_NAME] = "";
	struct dmi_text text = {options, sizeof options, 0};
	int misspelt = 0;
	for (int32_t i = 0; i < n; i++) {
		candidate[i] = registry[i]->info.name;
		misspelt |= dmi_same_name(word, length, candidate[i], strlen(candidate[i]));
	}
	for (int loosely = 0; loosely <= !misspelt; loosely++)
		for (int32_t i = 0; i < n; i++)
			if (dmi_is_known_as(registry[i]->info.known_as, word, length, loosely, &text))
				return dmi_fail(err, DM_ERR_NAME, "%s = \"%s\": no such %s; here it is called %s%s%s", kind,
				                piece(own, word, length), kind, candidate[i], *options ? ":" : "", options);
	return unknown(err, kind, word, length, candidate, (size_t)n);
}

const struct dmi_method *dmi_method_find(const struct dmi_method *const *registry, int32_t n, const char *kind,
                                         const char *spec, const char **options_text, dm_error *err)
{
	if (!spec) {
		dmi_fail(err, DM_ERR_ARGUMENT, "%s: spec is NULL", kind);
		return NULL;
	}
	size_t length = strcspn(spec, ":");
	for (int32_t i = 0; i < n; i++) {
		const char *name = registry[i]->info.name;
		if (strlen(name) == length && !memcmp(name, spec, length)) {
			*options_text = spec[length] ? spec + length + 1 : spec + length;
			return registry[i];
		}
	}
	unknown_method(err, registry, n, kind, spec, length);
	return NULL;
}

/* One number, within the bounds of the option, that ends where it should. */
static dm_status parse_number(const char *where, const dm_option *o, const char *text, size_t n, double *out,
                              dm_error *err)
{
	char own[MAX_NAME + 1];
	const char *end = dmi_number_parse(text, out);
	if (n == 0 || end != text + n)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: %s = \"%s\" is not a number", where, o->name, piece(own, text, n));
	if (!(*out >= o->low && *out <= o->high))
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: %s = %g is outside [%g, %g]", where, o->name, *out, o->low, o->high);
	if (o->type == DM_OPTION_INTEGER && floor(*out) != *out)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: %s = %g must be a whole number", where, o->name, *out);
	return DM_OK;
}

static dm_status parse_choice(const char *where, const dm_option *o, const char *text, size_t n, double *out,
                              dm_error *err)
{
	size_t count = 0;
	for (; o->choice[count]; count++)
		if (strlen(o->choice[count]) == n && !memcmp(o->choice[count], text, n)) {
			*out = (double)count;
			return DM_OK;
		}
	char what[2 * MAX_NAME];
	struct dmi_text t = {what, sizeof what, 0};
	dmi_text_format(&t, "%s: %s", where, o->name);
	return unknown(err, what, text, n, o->choice, count);
}

/* Whether option k is a list, and another one stands before it. */
static int is_second_list(const dm_option *table, int32_t k)
{
	int32_t before = 0;
	for (int32_t i = 0; i < k && i < 32; i++)
		before += dmi_option_row(table, i)->type == DM_OPTION_LIST;
	return before > 0 && dmi_option_row(table, k)->type == DM_OPTION_LIST;
}

static dm_status parse_list(const char *where, const dm_option *o, int second, const char *text, size_t n,
                            struct dmi_options *out, const dm_allocator *allocator, dm_error *err)
{
	size_t count = 1;
	for (size_t i = 0; i < n; i++)
		count += text[i] == '/';
	double *list = dmi_allocate(allocator, count, sizeof *list, err);
	if (!list)
		return DM_ERR_MEMORY;
	*(second ? &out->second : &out->list) = list;
	*(second ? &out->n_second : &out->n_list) = count;
	for (size_t i = 0; i < count; i++) {
		size_t k = 0;
		while (k < n && text[k] != '/')
			k++;
		dm_status st = parse_number(where, o, text, k, &list[i], err);
		if (st != DM_OK)
			return st;
		text += k + 1;
		n -= i + 1 < count ? k + 1 : k;
	}
	return DM_OK;
}

static dm_status parse_value(const char *where, const dm_option *table, int32_t k, const char *text, size_t n,
                             struct dmi_options *out, const dm_allocator *allocator, dm_error *err)
{
	const dm_option *o = dmi_option_row(table, k);
	if (out->given & (1u << k))
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: option %s is given twice", where, o->name);
	out->given |= 1u << k;
	if (o->type == DM_OPTION_LIST)
		return parse_list(where, o, is_second_list(table, k), text, n, out, allocator, err);
	if (o->type == DM_OPTION_CHOICE)
		return parse_choice(where, o, text, n, &out->value[k], err);
	return parse_number(where, o, text, n, &out->value[k], err);
}

static dm_status parse_one(const char *where, const dm_option *table, int32_t n, const char *text, size_t length,
                           struct dmi_options *out, const dm_allocator *allocator, dm_error *err)
{
	const char *candidate[DMI_MAX_OPTION];
	size_t name = 0;
	while (name < length && text[name] != '=')
		name++;
	for (int32_t k = 0; k < n; k++) {
		const dm_option *o = dmi_option_row(table, k);
		candidate[k] = o->name;
		if (strlen(o->name) != name || memcmp(o->name, text, name))
			continue;
		if (name == length)
			return dmi_fail(err, DM_ERR_ARGUMENT, "%s: option %s has no value (write %s=...)", where, o->name, o->name);
		return parse_value(where, table, k, text + name + 1, length - name - 1, out, allocator, err);
	}
	return unknown(err, where, text, name, candidate, (size_t)n);
}

dm_status dmi_options_parse(struct dmi_options *out, const char *kind, const char *method, const dm_option *table,
                            int32_t n, const char *text, const dm_allocator *allocator, dm_error *err)
{
	char where[2 * MAX_NAME];
	struct dmi_text t = {where, sizeof where, 0};
	if (method)
		dmi_text_format(&t, "%s \"%s\"", kind, method);
	else
		dmi_text_string(&t, kind);
	memset(out, 0, sizeof *out);
	for (int32_t k = 0; k < n; k++)
		out->value[k] = dmi_option_row(table, k)->value;
	while (text && *text) {
		size_t length = strcspn(text, ",");
		dm_status st = parse_one(where, table, n, text, length, out, allocator, err);
		if (st != DM_OK) {
			dmi_options_free(out, allocator);
			return st;
		}
		text += length + (text[length] == ',');
		if (!*text && text[-1] == ',') {
			dmi_options_free(out, allocator);
			return dmi_fail(err, DM_ERR_ARGUMENT, "%s: nothing follows the last comma", where);
		}
	}
	return DM_OK;
}

void dmi_options_free(struct dmi_options *options, const dm_allocator *allocator)
{
	dmi_release_memory(allocator, options->list, options->n_list * sizeof *options->list);
	dmi_release_memory(allocator, options->second, options->n_second * sizeof *options->second);
	options->list = options->second = NULL;
	options->n_list = options->n_second = 0;
}

/* "name=value", of a list the name alone. */
static void print_setting(struct dmi_text *text, const dm_option *o, double value)
{
	dmi_text_string(text, o->name);
	if (o->type == DM_OPTION_CHOICE)
		dmi_text_format(text, "=%s", o->choice[(size_t)value]);
	else if (o->type != DM_OPTION_LIST)
		dmi_text_format(text, "=%g", value);
}

dm_status dmi_option_needs(const struct dmi_options *options, const char *kind, const char *method,
                           const dm_option *table, int32_t k, const char *what, dm_error *err)
{
	char words[2 * MAX_NAME];
	struct dmi_text setting = {words, sizeof words, 0};
	if (!(options->given & (1u << k)))
		return DM_OK;
	print_setting(&setting, dmi_option_row(table, k), options->value[k]);
	return dmi_fail(err, DM_ERR_ARGUMENT, "%s \"%s\": %s has no effect without %s", kind, method, words, what);
}

dm_status dmi_options_check_needs(const struct dmi_options *options, const char *kind, const char *method,
                                  const dm_option *table, const struct dmi_need *need, size_t n, dm_error *err)
{
	dm_status st = DM_OK;
	for (size_t i = 0; st == DM_OK && i < n; i++) {
		char words[2 * MAX_NAME];
		struct dmi_text wanted = {words, sizeof words, 0};
		const dm_option *o = dmi_option_row(table, need[i].option);
		int by_default = o->type != DM_OPTION_LIST && options->value[need[i].option] == o->value;
		if (by_default || options->value[need[i].other] == need[i].value)
			continue;
		print_setting(&wanted, dmi_option_row(table, need[i].other), need[i].value);
		st = dmi_option_needs(options, kind, method, table, need[i].option, words, err);
	}
	return st;
}

static dm_status check_row(const dm_option *o, int32_t k, dm_error *err)
{
	if (!o->name || !o->name[0] || strlen(o->name) > MAX_NAME || !o->help)
		return dmi_fail(err, DM_ERR_ARGUMENT, "option %d: name (1 to 64 characters) and help are required", k);
	if (o->type < DM_OPTION_REAL || o->type > DM_OPTION_CHOICE)
		return dmi_fail(err, DM_ERR_ARGUMENT, "option %s: type %d is not real, integer or choice", o->name, o->type);
	if (o->type == DM_OPTION_CHOICE && !o->choice)
		return dmi_fail(err, DM_ERR_ARGUMENT, "option %s: a choice needs its words", o->name);
	if (!(o->low <= o->value && o->value <= o->high))
		return dmi_fail(err, DM_ERR_ARGUMENT, "option %s: default %g is outside [%g, %g]", o->name, o->value, o->low,
		                o->high);
	if (o->type != DM_OPTION_REAL && floor(o->value) != o->value)
		return dmi_fail(err, DM_ERR_ARGUMENT, "option %s: default %g must be a whole number", o->name, o->value);
	int32_t n_word = 0;
	while (o->type == DM_OPTION_CHOICE && o->choice[n_word])
		n_word++;
	if (o->type == DM_OPTION_CHOICE && !(o->value >= 0 && o->value < n_word))
		return dmi_fail(err, DM_ERR_ARGUMENT, "option %s: default %g is none of its %d words", o->name, o->value,
		                n_word);
	return DM_OK;
}

static int is_repeated(const dm_option *table, int32_t k)
{
	for (int32_t i = 0; i < k; i++)
		if (!strcmp(dmi_option_row(table, i)->name, dmi_option_row(table, k)->name))
			return 1;
	return 0;
}

dm_status dmi_options_check_table(const dm_option *table, int32_t n, dm_error *err)
{
	if (n < 0 || n > DMI_MAX_OPTION || (n && !table))
		return dmi_fail(err, DM_ERR_ARGUMENT, "n_option is %d, it must be 0 to %d, with a table", n, DMI_MAX_OPTION);
	if (n && (table->struct_size < sizeof *table || table->struct_size % sizeof(void *)))
		return dmi_fail(err, DM_ERR_ARGUMENT, "option: struct_size is %z, it must be sizeof (dm_option)",
		                table->struct_size);
	for (int32_t k = 0; k < n; k++) {
		dm_status st = check_row(dmi_option_row(table, k), k, err);
		if (st == DM_OK && is_repeated(table, k))
			st = dmi_fail(err, DM_ERR_ARGUMENT, "option %s stands in the table twice", dmi_option_row(table, k)->name);
		if (st != DM_OK)
			return st;
	}
	return DM_OK;
}

static void print_value(struct dmi_text *text, const dm_option *table, int32_t k, const struct dmi_options *options)
{
	const dm_option *o = dmi_option_row(table, k);
	int second = is_second_list(table, k);
	double value = options->value[k];
	size_t n = second ? options->n_second : options->n_list;
	if (o->type == DM_OPTION_CHOICE)
		dmi_text_string(text, o->choice[(size_t)value]);
	else if (o->type != DM_OPTION_LIST)
		dmi_text_format(text, "%g", value);
	else
		for (size_t i = 0; i < n; i++)
			dmi_text_format(text, i ? "/%g" : "%g", second ? options->second[i] : options->list[i]);
}

void dmi_options_print(struct dmi_text *text, const char *name, const dm_option *table, int32_t n,
                       const struct dmi_options *options)
{
	char separator[] = ":";
	dmi_text_string(text, name);
	for (int32_t k = 0; k < n; k++) {
		const dm_option *o = dmi_option_row(table, k);
		size_t length = is_second_list(table, k) ? options->n_second : options->n_list;
		if (o->type == DM_OPTION_LIST ? !length : options->value[k] == o->value)
			continue;
		dmi_text_format(text, "%s%s=", separator, o->name);
		print_value(text, table, k, options);
		separator[0] = ',';
	}
}
