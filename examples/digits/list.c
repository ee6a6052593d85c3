#include "list.h"

#include "demist.h"

static const struct kind {
	const char *title;
	int32_t kind;
} kinds[] = {
    {"samplers", DM_KIND_SAMPLER},   {"schedules", DM_KIND_SCHEDULE},   {"grids", DM_KIND_GRID},
    {"guidances", DM_KIND_GUIDANCE}, {"predictions", DM_KIND_MODEL},    {"times", DM_KIND_TIME},
    {"weights", DM_KIND_WEIGHT},     {"grid edits", DM_KIND_GRID_EDIT},
};

static void print_choice(FILE *out, const dm_option *option)
{
	fprintf(out, "%s: ", option->choice[(int)option->value]);
	for (size_t i = 0; option->choice[i]; i++)
		fprintf(out, i ? ", %s" : "%s", option->choice[i]);
}

static void print_option(FILE *out, const dm_option *option)
{
	fprintf(out, "      %-14s %s (", option->name, option->help);
	if (option->type == DM_OPTION_CHOICE)
		print_choice(out, option);
	else if (option->type == DM_OPTION_LIST)
		fprintf(out, "numbers from %g to %g, separated by /", option->low, option->high);
	else
		fprintf(out, "%g: %g to %g", option->value, option->low, option->high);
	fputs(")\n", out);
}

static void print_kind(FILE *out, const struct kind *kind)
{
	const dm_method *method;
	const dm_option *option;

	fprintf(out, "%s\n", kind->title);
	for (int32_t i = 0; (method = dm_method_at(kind->kind, i)) != NULL; i++) {
		fprintf(out, "  %-18s %s [%s]\n", method->name, method->help, method->source);
		for (int32_t k = 0; (option = dm_method_option(kind->kind, i, k)) != NULL; k++)
			print_option(out, option);
	}
}

void digits_list(FILE *out)
{
	fputs("name, what it does [source]; its options, what they do (default: bounds or words)\n\n", out);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (i > 0)
			fputc('\n', out);
		print_kind(out, &kinds[i]);
	}
}
