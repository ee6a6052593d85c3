#include "list.h"

#include <string.h>

#include "demist.h"

/* Those behind the first five are the library's, not to be asked for here. */
static const struct kind {
	const char *title, *one;
	int32_t kind;
} kinds[] = {
    {"samplers (--sampler)", "sampler", DM_KIND_SAMPLER},
    {"schedules (--schedule)", "schedule", DM_KIND_SCHEDULE},
    {"grids (--grid)", "grid", DM_KIND_GRID},
    {"grid edits (--grid, behind a grid and |)", "grid edit", DM_KIND_GRID_EDIT},
    {"guidances (--guidance, several of them with | between)", "guidance", DM_KIND_GUIDANCE},
    {"predictions of networks (for programs)", "prediction", DM_KIND_MODEL},
    {"times of networks (for programs)", "time", DM_KIND_TIME},
    {"weights of losses (for programs)", "weight", DM_KIND_WEIGHT},
};

enum { N_KIND = sizeof(kinds) / sizeof(*kinds) };

static void print_kind(FILE *out, const struct kind *kind)
{
	const dm_method *method;
	int width = 0;

	fprintf(out, "%s\n", kind->title);
	for (int32_t i = 0; (method = dm_method_at(kind->kind, i)) != NULL; i++)
		width = (int)strlen(method->name) > width ? (int)strlen(method->name) : width;
	for (int32_t i = 0; (method = dm_method_at(kind->kind, i)) != NULL; i++)
		fprintf(out, "  %-*s  %s [%s]\n", width, method->name, method->help, method->source);
}

void digits_list(FILE *out)
{
	fputs("name, what it does [source]; the options of one: --options NAME\n", out);
	for (size_t i = 0; i < N_KIND; i++) {
		fputc('\n', out);
		print_kind(out, &kinds[i]);
	}
}

static void print_values(FILE *out, const dm_option *option)
{
	const char *const *choice = option->choice;

	if (option->type == DM_OPTION_CHOICE) {
		fprintf(out, "%s: ", choice[(int)option->value]);
		for (size_t i = 0; choice[i]; i++)
			fprintf(out, i ? ", %s" : "%s", choice[i]);
	} else if (option->type == DM_OPTION_LIST) {
		fprintf(out, "numbers from %g to %g, separated by /", option->low, option->high);
	} else {
		fprintf(out, "%g: %g to %g", option->value, option->low, option->high);
	}
}

static void print_method(FILE *out, const struct kind *kind, int32_t i)
{
	const dm_method *method = dm_method_at(kind->kind, i);
	const dm_option *option;

	fprintf(out, "%s %s: %s [%s]\n", kind->one, method->name, method->help, method->source);
	if (method->known_as)
		fprintf(out, "  known as  %s\n", method->known_as);
	for (int32_t k = 0; (option = dm_method_option(kind->kind, i, k)) != NULL; k++) {
		fprintf(out, k == 0 ? "  options (default: bounds or words)\n    %-18s  %s (" : "    %-18s  %s (", option->name,
		        option->help);
		print_values(out, option);
		fputs(")\n", out);
	}
	if (method->n_option == 0)
		fputs("  no options\n", out);
}

int digits_list_options(FILE *out, const char *name, struct digits_error *error)
{
	const dm_method *method;
	int found = 0;

	for (size_t k = 0; k < N_KIND; k++)
		for (int32_t i = 0; (method = dm_method_at(kinds[k].kind, i)) != NULL; i++)
			if (strcmp(method->name, name) == 0) {
				if (found++)
					fputc('\n', out);
				print_method(out, &kinds[k], i);
			}
	return found ? 0 : digits_fail(error, "--options: \"%s\" is the name of no method; --list shows them all", name);
}
