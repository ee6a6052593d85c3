#include "table_cases.h"
#include "demist.h"
#include "levels.h"
#include "translate.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int make_schedule(const struct test_case *c, dm_schedule **out, struct verdict *verdict)
{
	char spec[SPEC_SIZE] = "ve"; /* a grid of bare levels */
	dm_error err;
	if (case_text(c, "schedule") && translate_schedule(c, spec, verdict))
		return verdict->kind;
	if (dm_schedule_create(out, spec, NULL, &err) != DM_OK)
		return say(verdict, VERDICT_FAIL, "schedule \"%.120s\": %s", spec, err.message);
	return VERDICT_PASS;
}

/* A model that only serves to ask for times. */
static int make_model(const struct test_case *c, dm_model **out, struct verdict *verdict)
{
	char spec[SPEC_SIZE];
	dm_error err;
	if (translate_clock(c, spec, verdict))
		return verdict->kind;
	if (dm_model_create(out, spec, NULL, NULL, NULL, &err) != DM_OK)
		return say(verdict, VERDICT_FAIL, "model \"%.120s\": %s", spec, err.message);
	return VERDICT_PASS;
}

/* ---------------------------------------------------------------------- columns: a value for every number given */

struct column {
	const char *given, *expected;
	/* the node of a given number */
	dm_status (*node)(const dm_schedule *s, double given, dm_node *out, dm_error *err);
	/* the value of the node; s to ask for its neighbours */
	double (*value)(const dm_schedule *s, const dm_node *node);
};

static dm_status node_at_log_level(const dm_schedule *s, double level, dm_node *out, dm_error *err)
{
	double t, lambda = -log(level);
	dm_node end;
	dm_schedule_range(s, &t, NULL);
	dm_status st = dm_schedule_at_time(s, t, &end, err);
	dm_schedule_range(s, NULL, &t);
	lambda = st == DM_OK ? fmin(lambda, end.lambda) : lambda; /* levels beyond the table are its ends */
	if (st == DM_OK)
		st = dm_schedule_at_time(s, t, &end, err);
	return st == DM_OK ? dm_schedule_at_lambda(s, fmax(lambda, end.lambda), out, err) : st;
}

static double alpha_bar(const dm_schedule *s, const dm_node *node)
{
	(void)s;
	return node->alpha * node->alpha;
}

static double beta(const dm_schedule *s, const dm_node *node)
{
	dm_node before = {.alpha = 1};
	dm_error err;
	if (node->t >= 1 && dm_schedule_at_time(s, node->t - 1, &before, &err) != DM_OK)
		return NAN;
	return 1 - (node->alpha / before.alpha) * (node->alpha / before.alpha);
}

static double level(const dm_schedule *s, const dm_node *node)
{
	(void)s;
	return node->sigma / node->alpha;
}

static double ln_alpha(const dm_schedule *s, const dm_node *node)
{
	(void)s;
	return log(node->alpha);
}

static double std(const dm_schedule *s, const dm_node *node)
{
	(void)s;
	return node->sigma;
}

static double lambda(const dm_schedule *s, const dm_node *node)
{
	(void)s;
	return node->lambda;
}

static double time_of(const dm_schedule *s, const dm_node *node)
{
	(void)s;
	return node->t;
}

/* The nearest index in ln(level), which is linear between entries. */
static double nearest_index(const dm_schedule *s, const dm_node *node)
{
	dm_model *model;
	dm_error err;
	double time = NAN;
	if (dm_model_create(&model, "x0:time=index_round", NULL, NULL, NULL, &err) != DM_OK)
		return NAN;
	if (dm_model_time(model, s, node, &time, &err) != DM_OK)
		time = NAN;
	dm_model_free(model);
	return time;
}

static const struct column columns[] = {
    {"index", "beta", dm_schedule_at_time, beta},
    {"index", "alphas_cumprod", dm_schedule_at_time, alpha_bar},
    {"index", "sigma", dm_schedule_at_time, level},
    {"level", "index", node_at_log_level, time_of},
    {"level", "index_nearest", node_at_log_level, nearest_index},
    {"index2", "level2", dm_schedule_at_time, level},
    {"t", "ln_alpha", dm_schedule_at_time, ln_alpha},
    {"t", "std", dm_schedule_at_time, std},
    {"t", "lambda", dm_schedule_at_time, lambda},
    {"lambda2", "t_of_lambda2", dm_schedule_at_lambda, time_of},
};

/* The column that gives an array; NULL where none does. An array with no column may be what others are given by. */
static const struct column *find_column(const struct test_case *c, const struct case_array *array)
{
	for (size_t k = 0; k < sizeof columns / sizeof *columns; k++)
		if (!strcmp(columns[k].expected, array->name) && case_array(c, columns[k].given))
			return &columns[k];
	return NULL;
}

static int is_given(const struct test_case *c, const struct case_array *array)
{
	for (size_t k = 0; k < sizeof columns / sizeof *columns; k++)
		if (!strcmp(columns[k].given, array->name) && case_array(c, columns[k].expected))
			return 1;
	return 0;
}

static int check_column(const struct test_case *c, const dm_schedule *schedule, const struct column *column,
                        struct case_array *expected, struct check *check)
{
	const struct case_array *given = case_array(c, column->given);
	double *value = calloc(given->n + 1, sizeof *value);
	dm_node node;
	dm_error err;
	int kind = value ? VERDICT_PASS : say(check->verdict, VERDICT_FAIL, "out of memory");
	for (size_t i = 0; !kind && i < given->n; i++) {
		if (column->node(schedule, given->value[i], &node, &err) == DM_OK)
			value[i] = column->value(schedule, &node);
		else
			kind = say(check->verdict, VERDICT_FAIL, "%s %g: %s", column->given, given->value[i], err.message);
	}
	if (!kind)
		kind = compare(check, expected, value, given->n, expected->name);
	free(value);
	return kind;
}

/* --------------------------------------------------------------------------------------------------------- grids */

/* The time grids of a `continuous` table, grid.KIND.N, are N steps over the range of the schedule. */
static int check_time_grid(const dm_schedule *schedule, struct case_array *array, struct check *check)
{
	static const char *const kinds[][2] = {
	    {"grid.uniform_time.", "linspace:extra=1,final=included,steps=%zu"},
	    {"grid.log_snr.", "log_snr:steps=%zu"},
	};
	char spec[SPEC_SIZE] = "";
	dm_grid *grid;
	dm_error err;
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
		if (!strncmp(array->name, kinds[k][0], strlen(kinds[k][0])))
			snprintf(spec, sizeof spec, kinds[k][1], array->n - 1);
	if (!*spec)
		return say(check->verdict, VERDICT_SKIP, "array %s", array->name);
	if (dm_grid_create(&grid, schedule, spec, NULL, &err) != DM_OK)
		return say(check->verdict, VERDICT_FAIL, "grid \"%.120s\": %s", spec, err.message);
	double *t = calloc(array->n + 1, sizeof *t);
	for (size_t i = 0; t && i < array->n && i < dm_grid_count(grid); i++)
		t[i] = dm_grid_node(grid, i)->t;
	int kind = t ? compare(check, array, t, dm_grid_count(grid), array->name)
	             : say(check->verdict, VERDICT_FAIL, "out of memory");
	free(t);
	dm_grid_free(grid);
	return kind;
}

/* time.N and sigma.N for one N. */
static int check_steps(const struct test_case *c, const dm_schedule *schedule, const dm_model *model, size_t steps,
                       struct check *check)
{
	char spec[SPEC_SIZE], time[32], sigma[32];
	dm_grid *grid;
	dm_error err;
	snprintf(time, sizeof time, "time.%zu", steps);
	snprintf(sigma, sizeof sigma, "sigma.%zu", steps);
	if (translate_grid(c, steps, spec, check->verdict))
		return check->verdict->kind;
	if (dm_grid_create(&grid, schedule, spec, NULL, &err) != DM_OK)
		return say(check->verdict, VERDICT_FAIL, "grid \"%.120s\": %s", spec, err.message);
	int kind = check_grid(c, schedule, grid, model, check, case_array(c, time), case_array(c, sigma));
	dm_grid_free(grid);
	return kind;
}

static int grid_table(const struct test_case *c, struct check *check)
{
	dm_schedule *schedule = NULL;
	dm_model *model = NULL;
	double steps;
	if (!case_text(c, "steps_list"))
		return say(check->verdict, VERDICT_SKIP, "grid %s", case_text(c, "grid"));
	int kind = make_schedule(c, &schedule, check->verdict);
	if (!kind)
		kind = make_model(c, &model, check->verdict);
	for (size_t i = 0; !kind && (steps = case_nth(c, "steps_list", i)) >= 1; i++)
		kind = check_steps(c, schedule, model, (size_t)steps, check);
	dm_model_free(model);
	dm_schedule_free(schedule);
	return kind;
}

/* ---------------------------------------------------------------------------------------------------- schedules */

static int check_array(const struct test_case *c, const dm_schedule *schedule, struct case_array *array,
                       struct check *check)
{
	const struct column *column = find_column(c, array);
	if (column)
		return check_column(c, schedule, column, array, check);
	if (is_given(c, array))
		return VERDICT_PASS;
	if (!strncmp(array->name, "grid.", 5))
		return check_time_grid(schedule, array, check);
	return say(check->verdict, VERDICT_SKIP, "array %s", array->name);
}

/* Every array is either checked or the argument of one that is; a case with one that cannot be is skipped, after the
 * others have been looked at. */
static int column_table(const struct test_case *c, struct check *check)
{
	dm_schedule *schedule = NULL;
	struct verdict missing = {VERDICT_PASS, ""};
	int kind = make_schedule(c, &schedule, check->verdict);
	for (size_t i = 0; !kind && i < c->n_array; i++) {
		kind = check_array(c, schedule, &c->array[i], check);
		if (kind == VERDICT_SKIP) {
			missing = *check->verdict;
			check->verdict->kind = kind = VERDICT_PASS;
		}
	}
	dm_schedule_free(schedule);
	if (!kind && missing.kind)
		*check->verdict = missing;
	return kind ? kind : missing.kind;
}

int table_case(const struct test_case *c, struct check *check)
{
	static const struct {
		const char *table;
		int (*run)(const struct test_case *c, struct check *check);
	} tables[] = {
	    {"grid", grid_table},
	    {"schedule", column_table},
	    {"index_of_level", column_table},
	    {"continuous", column_table},
	};
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		if (case_is(c, "table", tables[i].table))
			return tables[i].run(c, check);
	return say(check->verdict, VERDICT_SKIP, "table %s", case_text(c, "table") ? case_text(c, "table") : "(none)");
}
