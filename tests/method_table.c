/* Prints what the registries know, as JSON: every method that can be asked for by name, with its options; for samplers
 * also what their plans cost and the orders they state, for the options as they are and for the forms that the property
 * tests measure. method_page.py makes docs/methods.md of it. */
#include <stdio.h>
#include <string.h>
#include "demist.h"
#include "property_table.h"

static const struct {
	int32_t kind;
	const char *name;
} kinds[] = {
    {DM_KIND_SAMPLER, "sampler"},  {DM_KIND_SCHEDULE, "schedule"},   {DM_KIND_GRID, "grid"},
    {DM_KIND_MODEL, "prediction"}, {DM_KIND_TIME, "time"},           {DM_KIND_GUIDANCE, "guidance"},
    {DM_KIND_WEIGHT, "weight"},    {DM_KIND_GRID_EDIT, "grid edit"},
};

static void print_string(const char *text)
{
	putchar('"');
	for (; *text; text++)
		printf(*text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	putchar('"');
}

static void print_member(const char *name, const char *text)
{
	printf("\"%s\": ", name);
	print_string(text);
	printf(", ");
}

/* ------------------------------------------------------------------------------------------------------ the options */

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
	printf("{");
	print_member("name", option->name);
	if (option->type == DM_OPTION_CHOICE)
		print_member("value", option->choice[(size_t)option->value]);
	else if (option->type != DM_OPTION_LIST)
		printf("\"value\": \"%g\", ", option->value);
	printf("\"range\": \"");
	print_range(option);
	printf("\", \"help\": ");
	print_string(option->help);
	printf("}");
}

/* ---------------------------------------------------------------------------------------------- samplers: what it costs */

static dm_status make_plan(dm_plan **plan, const char *sampler_spec, const char *grid_spec, dm_error *err)
{
	dm_schedule *schedule = NULL;
	dm_grid *grid = NULL;
	dm_sampler *sampler = NULL;
	dm_model *model = NULL;
	dm_status st = dm_schedule_create(&schedule, "vp", NULL, err);
	*plan = NULL;
	if (st == DM_OK)
		st = dm_grid_create(&grid, schedule, grid_spec, NULL, err);
	if (st == DM_OK)
		st = dm_sampler_create(&sampler, sampler_spec, NULL, err);
	if (st == DM_OK)
		st = dm_model_create(&model, "epsilon", NULL, NULL, NULL, err);
	if (st == DM_OK)
		st = dm_plan_create(plan, schedule, grid, sampler, model, NULL, NULL, NULL, err);
	dm_model_free(model);
	dm_sampler_free(sampler);
	dm_grid_free(grid);
	dm_schedule_free(schedule);
	return st;
}

static int count_rows(const dm_plan *plan, int32_t kind)
{
	int n = 0;
	for (size_t i = 0; i < dm_plan_count(plan); i++)
		n += dm_plan_row(plan, i)->kind == kind;
	return n;
}

static void print_plan(const char *name, const char *grid)
{
	dm_plan *plan;
	dm_plan_info info = {.struct_size = sizeof info};
	dm_error err;
	if (make_plan(&plan, name, grid, &err) != DM_OK || dm_plan_facts(plan, &info, &err) != DM_OK) {
		printf("{\"refused\": ");
		print_string(err.message);
	} else
		printf("{\"adaptive\": %d, \"evals\": %d, \"branches\": %d, \"draws\": %d, \"slots\": %d, \"past\": %d, "
		       "\"kept\": %d",
		       (int)info.adaptive, info.adaptive ? count_rows(plan, DM_ROW_EVAL) : (int)info.n_eval,
		       (int)info.n_branch_eval, (int)info.n_draw, (int)info.n_state_slot, (int)info.n_past, (int)info.n_kept);
	printf("}");
	dm_plan_free(plan);
}

/* Of 8, 16 and 24 steps that end at sigma = 0, and of 8 that end at the least noise. */
static void print_plans(const char *name)
{
	static const char *const grids[] = {"log_snr:steps=8,final=zero", "log_snr:steps=16,final=zero",
	                                    "log_snr:steps=24,final=zero", "log_snr:steps=8,final=last"};
	printf("\"plans\": [");
	for (size_t i = 0; i < sizeof grids / sizeof *grids; i++) {
		printf(i ? ", " : "");
		print_plan(name, grids[i]);
	}
	printf("], ");
}

static int order_of(const char *spec)
{
	dm_sampler *sampler;
	dm_sampler_create(&sampler, spec, NULL, NULL);
	int order = (int)dm_sampler_order(sampler);
	dm_sampler_free(sampler);
	return order;
}

static void print_orders(const char *name)
{
	size_t n = strlen(name);
	int found = 0;
	printf("\"order\": %d, \"orders\": [", order_of(name));
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		const char *form = methods[i].measured;
		if (!form || strncmp(form, name, n) != 0 || (form[n] && form[n] != ':'))
			continue;
		printf(found++ ? ", {" : "{");
		print_member("form", form);
		printf("\"order\": %d}", order_of(form));
	}
	printf("], ");
}

/* ------------------------------------------------------------------------------------------------------ the methods */

static void print_method(int32_t kind, int32_t i)
{
	const dm_method *method = dm_method_at(kind, i);
	const dm_option *option;
	printf("{");
	print_member("name", method->name);
	print_member("help", method->help);
	print_member("source", method->source);
	print_member("known_as", method->known_as ? method->known_as : "");
	if (kind == DM_KIND_SAMPLER) {
		print_plans(method->name);
		print_orders(method->name);
	}
	printf("\"options\": [");
	for (int32_t k = 0; (option = dm_method_option(kind, i, k)) != NULL; k++) {
		printf(k ? ",\n  " : "\n  ");
		print_option(option);
	}
	printf("]}");
}

int main(void)
{
	printf("{");
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		printf("%s\"%s\": [", k ? ",\n" : "", kinds[k].name);
		for (int32_t i = 0; dm_method_at(kinds[k].kind, i); i++) {
			printf(i ? ",\n " : "\n ");
			print_method(kinds[k].kind, i);
		}
		printf("]");
	}
	puts("}");
	return 0;
}
