/* Prints the tables of docs/methods.md: every method that can be asked for by name, with its options. */
#include <stdio.h>
#include "demist.h"

static const struct {
	int32_t kind;
	const char *title, *what;
} kinds[] = {
    {DM_KIND_SAMPLER, "Samplers", "The rule that goes from one node to the next."},
    {DM_KIND_SCHEDULE, "Schedules", "The noise process: alpha and sigma over time."},
    {DM_KIND_GRID, "Grids", "The nodes of a run, from noise to data."},
    {DM_KIND_MODEL, "Predictions", "What the network predicts, and how it wants its input."},
    {DM_KIND_TIME, "Times", "What time the network receives: the words of the option `time` of every prediction."},
    {DM_KIND_GUIDANCE, "Guidances", "Stages of a chain, written `first|second|...`. `none` is the empty chain."},
};

/* A bar would end the cell. */
static void print_text(const char *text)
{
	for (; *text; text++)
		printf(*text == '|' ? "\\%c" : "%c", *text);
}

static void print_value(const dm_option *option)
{
	if (option->type == DM_OPTION_CHOICE)
		print_text(option->choice[(size_t)option->value]);
	else if (option->type != DM_OPTION_LIST)
		printf("%g", option->value);
}

static void print_range(const dm_option *option)
{
	if (option->type == DM_OPTION_CHOICE) {
		for (size_t i = 0; option->choice[i]; i++)
			printf(i ? ", %s" : "%s", option->choice[i]);
		return;
	}
	printf("%s%g to %g", option->type == DM_OPTION_LIST ? "list, each " : "", option->low, option->high);
	if (option->type == DM_OPTION_INTEGER)
		printf(", whole");
}

static void print_option(const dm_option *option)
{
	printf("| `%s` | ", option->name);
	print_value(option);
	printf(" | ");
	print_range(option);
	printf(" | ");
	print_text(option->help);
	puts(" |");
}

/* The first method of the kind that has the same table of options; i itself where none is before it. */
static int32_t first_with_options(int32_t kind, int32_t i)
{
	int32_t k = 0;
	while (dm_method_option(kind, k, 0) != dm_method_option(kind, i, 0))
		k++;
	return k;
}

static void print_method(int32_t kind, int32_t i)
{
	const dm_method *method = dm_method_at(kind, i);
	int32_t like = method->n_option ? first_with_options(kind, i) : i;
	printf("| **`%s`** | | | ", method->name);
	print_text(method->help);
	printf(" (");
	print_text(method->source);
	if (like < i)
		printf("); options of `%s` |\n", dm_method_at(kind, like)->name);
	else
		puts(") |");
	for (int32_t k = 0; like == i && k < method->n_option; k++)
		print_option(dm_method_option(kind, i, k));
}

int main(void)
{
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		printf("%s## %s\n\n%s\n\n| name | default | values | what it does (source) |\n|---|---|---|---|\n",
		       k ? "\n" : "", kinds[k].title, kinds[k].what);
		for (int32_t i = 0; dm_method_at(kinds[k].kind, i); i++)
			print_method(kinds[k].kind, i);
	}
	return 0;
}
