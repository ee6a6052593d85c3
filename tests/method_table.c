/* Prints the tables of docs/methods.md: every method that can be asked for by name, with its options. */
#include <stdio.h>
#include <string.h>
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
    {DM_KIND_GUIDANCE, "Guidances", "Stages of a chain, written `first|second|...`; `none` is the empty chain."},
    {DM_KIND_WEIGHT, "Loss weights", "Of a training loss, by level: `dm_loss_weight`."},
};

/* A bar would end the cell. */
static void print_text(const char *text)
{
	for (; *text; text++)
		printf(*text == '|' ? "\\%c" : "%c", *text);
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

/* `name=default` (values): help */
static void print_option(const dm_option *option)
{
	printf("`%s", option->name);
	if (option->type == DM_OPTION_CHOICE)
		printf("=%s", option->choice[(size_t)option->value]);
	else if (option->type != DM_OPTION_LIST)
		printf("=%g", option->value);
	printf("` (");
	print_range(option);
	printf("): ");
	print_text(option->help);
}

static int same(const dm_option *a, const dm_option *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->help, b->help) && a->value == b->value && a->low == b->low &&
	       a->high == b->high;
}

/* An option that every method of the kind has, and more than half of them in this very form: it is told once. */
static int is_common(int32_t kind, const dm_option *wanted)
{
	int32_t n = 0, equal = 0;
	for (; dm_method_at(kind, n); n++) {
		const dm_option *option;
		int32_t k = 0;
		while ((option = dm_method_option(kind, n, k)) != NULL && strcmp(option->name, wanted->name))
			k++;
		if (!option)
			return 0;
		equal += same(option, wanted);
	}
	return 2 * equal > n;
}

static void print_common(int32_t kind)
{
	const dm_option *option;
	int n = 0;
	for (int32_t k = 0; (option = dm_method_option(kind, 0, k)) != NULL; k++) {
		if (!is_common(kind, option))
			continue;
		printf(n++ ? "\n- " : "Options of all of them, where the table says nothing else:\n\n- ");
		print_option(option);
	}
	printf(n ? "\n\n" : "");
}

static void print_method(int32_t kind, int32_t i)
{
	const dm_method *method = dm_method_at(kind, i);
	int n = 0;
	printf("| `%s` | ", method->name);
	print_text(method->help);
	printf(" | ");
	for (int32_t k = 0; k < method->n_option; k++) {
		const dm_option *option = dm_method_option(kind, i, k);
		if (is_common(kind, option))
			continue;
		printf(n++ ? "<br>" : "");
		print_option(option);
	}
	printf(" | ");
	print_text(method->source);
	puts(" |");
}

int main(void)
{
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		printf("%s## %s\n\n%s\n\n", k ? "\n" : "", kinds[k].title, kinds[k].what);
		print_common(kinds[k].kind);
		puts("| name | what it does | options: default (values) | source |\n|---|---|---|---|");
		for (int32_t i = 0; dm_method_at(kinds[k].kind, i); i++)
			print_method(kinds[k].kind, i);
	}
	return 0;
}
