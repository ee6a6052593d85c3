#include "base/compiler.h"
#include "sampler/needs.h"
#include "base/error.h"

/* "name = value", of a list the name alone. */
static void write_setting(struct dmi_text *text, const dm_option *o, double value)
{
	if (o->type == DM_OPTION_LIST)
		dmi_text_string(text, o->name);
	else if (o->type == DM_OPTION_CHOICE)
		dmi_text_format(text, "%s=%s", o->name, o->choice[(size_t)value]);
	else
		dmi_text_format(text, "%s = %g", o->name, value);
}

static int has_no_effect(const dm_option *table, const struct dmi_options *given, const struct dmi_need *need)
{
	const dm_option *o = &table[need->option];
	if (!(given->given >> need->option & 1) || given->value[need->other] == need->value)
		return 0;
	return o->type == DM_OPTION_LIST || given->value[need->option] != o->value;
}

dm_status dmi_check_needs(const char *sampler, const dm_option *table, const struct dmi_options *given,
                          const struct dmi_need *need, size_t n, dm_error *err)
{
	char words[3][96];
	struct dmi_text set = {words[0], sizeof words[0], 0}, is = {words[1], sizeof words[1], 0},
	                wanted = {words[2], sizeof words[2], 0};
	size_t i = 0;
	while (i < n && !has_no_effect(table, given, &need[i]))
		i++;
	if (i == n)
		return DM_OK;
	write_setting(&set, &table[need[i].option], given->value[need[i].option]);
	write_setting(&is, &table[need[i].other], given->value[need[i].other]);
	write_setting(&wanted, &table[need[i].other], need[i].value);
	return dmi_fail(err, DM_ERR_ARGUMENT, "sampler \"%s\": %s has no effect with %s: it goes with %s", sampler,
	                words[0], words[1], words[2]);
}
