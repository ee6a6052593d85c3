/* The options of a run are whole numbers of 64 bits, which doubles do not hold, so they are read here. */
#include "base/compiler.h"
#include "run/options.h"
#include "base/error.h"
#include "base/option.h"
#include <string.h>

static const char *const names[] = {"seed", "first_sample", "max_eval"};
enum { SEED, FIRST_SAMPLE, MAX_EVAL, N_OPTION };

static int find(const char *word, size_t n)
{
	for (int i = 0; i < N_OPTION; i++)
		if (strlen(names[i]) == n && !memcmp(names[i], word, n))
			return i;
	return -1;
}

int dmi_run_option_exists(const char *word, size_t n)
{
	return find(word, n) >= 0;
}

/* A whole number from 0 to `high`, decimal. */
static dm_status parse_whole(int which, const char *text, size_t n, uint64_t high, uint64_t *out, dm_error *err)
{
	uint64_t value = 0;
	int good = n > 0;
	for (size_t i = 0; good && i < n; i++) {
		unsigned digit = (unsigned)(unsigned char)text[i] - '0';
		good = digit <= 9 && value <= (high - digit) / 10;
		value = value * 10 + digit;
	}
	if (!good) {
		char word[64] = {0};
		memcpy(word, text, n < sizeof word - 1 ? n : sizeof word - 1);
		return dmi_fail(err, DM_ERR_ARGUMENT, "run: %s = \"%s\" must be a whole number from 0 to %s", names[which],
		                word, high == UINT64_MAX ? "2^64 - 1" : "2^63 - 1");
	}
	*out = value;
	return DM_OK;
}

static dm_status parse_one(struct dmi_run_options *out, const char *text, size_t length, unsigned *given, dm_error *err)
{
	uint64_t value = 0;
	size_t n = 0;
	while (n < length && text[n] != '=')
		n++;
	int which = find(text, n);
	if (which < 0) {
		char word[64] = {0};
		const char *nearest = dmi_nearest(text, n, names, N_OPTION);
		memcpy(word, text, n < sizeof word - 1 ? n : sizeof word - 1);
		return dmi_fail(err, DM_ERR_NAME,
		                nearest ? "run: unknown option \"%s\", did you mean \"%s\"?" : "run: unknown option \"%s\"",
		                word, nearest);
	}
	if (*given >> which & 1)
		return dmi_fail(err, DM_ERR_ARGUMENT, "run: option %s is given twice", names[which]);
	*given |= 1u << which;
	if (n == length)
		return dmi_fail(err, DM_ERR_ARGUMENT, "run: option %s has no value", names[which]);
	dm_status st =
	    parse_whole(which, text + n + 1, length - n - 1, which == SEED ? UINT64_MAX : (uint64_t)INT64_MAX, &value, err);
	if (st != DM_OK)
		return st;
	if (which == SEED)
		out->seed = value;
	else if (which == FIRST_SAMPLE)
		out->first_sample = (int64_t)value;
	else
		out->max_eval = (int64_t)value;
	return DM_OK;
}

dm_status dmi_run_options_parse(struct dmi_run_options *out, const char *text, size_t n_sample, dm_error *err)
{
	unsigned given = 0;
	*out = (struct dmi_run_options){.max_eval = 10000};
	while (text && *text) {
		size_t length = strcspn(text, ",");
		dm_status st = parse_one(out, text, length, &given, err);
		if (st != DM_OK)
			return st;
		text += length + (text[length] == ',');
		if (!*text && text[-1] == ',')
			return dmi_fail(err, DM_ERR_ARGUMENT, "run: nothing follows the last comma");
	}
	if (n_sample > (uint64_t)INT64_MAX || out->first_sample > INT64_MAX - ((int64_t)n_sample - 1))
		return dmi_fail(err, DM_ERR_OVERFLOW, "run: first_sample = %l and %z samples pass the largest index, 2^63 - 1",
		                out->first_sample, n_sample);
	return DM_OK;
}
