#include "table_cases.h"
#include "table_parts.h"
#include "translate.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a case that names none: a table where the grid has indices, the angle, or bare levels. */
static void default_schedule(const struct test_case *c, char *spec)
{
	const char *low = case_text(c, "grid.sigma_min"), *high = case_text(c, "grid.sigma_max");
	if (case_text(c, "schedule.T"))
		snprintf(spec, SPEC_SIZE, "linear:T=%s", case_text(c, "schedule.T"));
	else if (case_is(c, "grid", "sin2_angle"))
		snprintf(spec, SPEC_SIZE, "trigflow:sigma_data=1");
	else if (low && high)
		snprintf(spec, SPEC_SIZE, "ve:sigma_min=%s,sigma_max=%s", low, high);
	else
		snprintf(spec, SPEC_SIZE, "ve");
}

/* Cuts the option of that name out. */
static void replace_option(char *spec, const char *option)
{
	char *at = strchr(spec, ':');
	size_t n = strcspn(option, "=") + 1;
	while (at && strncmp(at + 1, option, n))
		at = strchr(at + 1, ',');
	if (!at)
		return;
	char *rest = strchr(at + 1, ',');
	char tail[SPEC_SIZE] = "";
	if (rest)
		snprintf(tail, sizeof tail, "%s", rest);
	snprintf(at + 1, SPEC_SIZE - (size_t)(at + 1 - spec), "%s%s", option, tail);
}

int table_schedule(const struct test_case *c, const char *more, dm_schedule **out, struct verdict *verdict)
{
	char spec[SPEC_SIZE];
	dm_error err;
	if (!case_text(c, "schedule"))
		default_schedule(c, spec);
	else if (translate_schedule(c, spec, verdict))
		return verdict->kind;
	if (more)
		replace_option(spec, more);
	if (dm_schedule_create(out, spec, NULL, &err) != DM_OK)
		return say(verdict, VERDICT_FAIL, "schedule \"%.120s\": %s", spec, err.message);
	return VERDICT_PASS;
}

/* ------------------------------------------------------------------------------------------------------ small tables */

int mu_table(const struct test_case *c, struct check *check)
{
	const struct case_array *length = case_array(c, "length");
	double *value = calloc(length->n + 1, sizeof *value);
	int kind = value ? VERDICT_PASS : say(check->verdict, VERDICT_FAIL, "out of memory");
	for (size_t i = 0; !kind && i < length->n; i++)
		value[i] = dm_flow_mu(length->value[i], case_number(c, "base_len", NAN), case_number(c, "max_len", NAN),
		                      case_number(c, "base_shift", NAN), case_number(c, "max_shift", NAN));
	if (!kind)
		kind = compare(check, case_array(c, "mu"), value, length->n, "mu");
	free(value);
	return kind;
}

/* Numbers of a grid: its times, or its levels with the final one. */
static int check_constants(struct case_array *expected, const char *schedule, const char *grid, int times,
                           struct check *check)
{
	enum { MOST = 32 };
	double value[MOST];
	dm_schedule *s = NULL;
	dm_grid *g = NULL;
	dm_error err;
	int kind = VERDICT_PASS;
	if (dm_schedule_create(&s, schedule, NULL, &err) != DM_OK || dm_grid_create(&g, s, grid, NULL, &err) != DM_OK)
		kind = say(check->verdict, VERDICT_FAIL, "%s", err.message);
	size_t n = dm_grid_count(g) - (times ? 1 : 0);
	for (size_t i = 0; !kind && i < n && i < MOST; i++) {
		const dm_node *node = dm_grid_node(g, i);
		value[i] = times ? node->t : node->sigma / node->alpha;
	}
	if (!kind)
		kind = compare(check, expected, value, n, expected->name);
	dm_grid_free(g);
	dm_schedule_free(s);
	return kind;
}

int constants_table(const struct test_case *c, struct check *check)
{
	static const struct {
		const char *array, *schedule, *grid;
		int times;
	} rows[] = {
	    {"StableDiffusionTimesteps", "scaled_linear", "ays_sd15:form=times", 1},
	    {"StableDiffusionXLTimesteps", "scaled_linear", "ays_sdxl:form=times", 1},
	    {"StableDiffusionSigmas", "ve", "ays_sd15:form=rounded", 0},
	    {"StableDiffusionXLSigmas", "ve", "ays_sdxl:form=rounded", 0},
	    {"StableDiffusionVideoSigmas", "ve", "ays_svd:form=rounded", 0},
	};
	for (size_t i = 0; i < c->n_array; i++) {
		size_t k = 0, n = sizeof rows / sizeof *rows;
		while (k < n && strcmp(rows[k].array, c->array[i].name))
			k++;
		if (k == n)
			return say(check->verdict, VERDICT_SKIP, "array %s", c->array[i].name);
		if (check_constants(&c->array[i], rows[k].schedule, rows[k].grid, rows[k].times, check))
			return check->verdict->kind;
	}
	return VERDICT_PASS;
}

int table_case(const struct test_case *c, struct check *check)
{
	static const struct {
		const char *table;
		int (*run)(const struct test_case *c, struct check *check);
	} tables[] = {
	    {"grid", grid_table},         {"schedule", column_table},     {"index_of_level", column_table},
	    {"continuous", column_table}, {"sde", column_table},          {"respace", respace_table},
	    {"mu_of_length", mu_table},   {"constants", constants_table},
	};
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		if (case_is(c, "table", tables[i].table))
			return tables[i].run(c, check);
	return say(check->verdict, VERDICT_SKIP, "table %s", case_text(c, "table") ? case_text(c, "table") : "(none)");
}
