#include "table_parts.h"
#include "translate.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------------- columns: a value for every number given */

struct column {
	const char *given, *expected;
	/* the node of a given number */
	dm_status (*node)(const dm_schedule *s, double given, dm_node *out, dm_error *err);
	/* the value of the node; s to ask for its neighbours */
	double (*value)(const dm_schedule *s, const dm_node *node);
};

/* Levels beyond the table are its ends. */
static dm_status find_level(const dm_schedule *s, double level, int32_t rounding, dm_node *out, dm_error *err)
{
	double low, high;
	dm_node end[2];
	dm_schedule_range(s, &low, &high);
	dm_status st = dm_schedule_at_time(s, low, &end[0], err);
	if (st == DM_OK)
		st = dm_schedule_at_time(s, high, &end[1], err);
	if (st != DM_OK)
		return st;
	level = fmin(fmax(level, end[0].sigma / end[0].alpha), end[1].sigma / end[1].alpha);
	return dm_schedule_find(s, DM_BY_LEVEL, level, rounding, out, err);
}

static dm_status node_at_level_between(const dm_schedule *s, double level, dm_node *out, dm_error *err)
{
	return find_level(s, level, DM_ROUND_NONE, out, err);
}

static dm_status node_at_nearest_level(const dm_schedule *s, double level, dm_node *out, dm_error *err)
{
	return find_level(s, level, DM_ROUND_NEAREST, out, err);
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

/* The posterior one index back. */
static double posterior(const dm_schedule *s, const dm_node *node, int which)
{
	double mean[2], variance;
	dm_node before;
	dm_error err;
	if (dm_schedule_at_time(s, node->t - 1, &before, &err) != DM_OK ||
	    dm_posterior(node, &before, mean, &variance, &err) != DM_OK)
		return NAN;
	return which < 0 ? variance : mean[which];
}

static double posterior_variance(const dm_schedule *s, const dm_node *node)
{
	return posterior(s, node, -1);
}

/* That of index 0, which is 0, is replaced by that of index 1. */
static double posterior_log_variance(const dm_schedule *s, const dm_node *node)
{
	dm_node first = *node;
	dm_error err;
	if (node->t == 0 && dm_schedule_at_time(s, 1, &first, &err) != DM_OK)
		return NAN;
	return log(posterior(s, &first, -1));
}

static double on_x0(const dm_schedule *s, const dm_node *node)
{
	return posterior(s, node, 1);
}

static double on_x(const dm_schedule *s, const dm_node *node)
{
	return posterior(s, node, 0);
}

static double drift(const dm_schedule *s, const dm_node *node)
{
	double f, g2;
	dm_error err;
	return dm_schedule_sde(s, node->t, &f, &g2, &err) == DM_OK ? f : NAN;
}

static double diffusion(const dm_schedule *s, const dm_node *node)
{
	double f, g2;
	dm_error err;
	return dm_schedule_sde(s, node->t, &f, &g2, &err) == DM_OK ? sqrt(g2) : NAN;
}

static double alpha(const dm_schedule *s, const dm_node *node)
{
	(void)s;
	return node->alpha;
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

static const struct column columns[] = {
    {"index", "beta", dm_schedule_at_time, beta},
    {"index", "alphas_cumprod", dm_schedule_at_time, alpha_bar},
    {"index", "sigma", dm_schedule_at_time, level},
    {"index", "posterior_variance", dm_schedule_at_time, posterior_variance},
    {"index", "posterior_log_variance_clipped", dm_schedule_at_time, posterior_log_variance},
    {"index", "posterior_mean_coef1", dm_schedule_at_time, on_x0},
    {"index", "posterior_mean_coef2", dm_schedule_at_time, on_x},
    {"level", "index", node_at_level_between, time_of},
    {"level", "index_nearest", node_at_nearest_level, time_of},
    {"index2", "level2", dm_schedule_at_time, level},
    {"t", "ln_alpha", dm_schedule_at_time, ln_alpha},
    {"t", "mean_coef", dm_schedule_at_time, alpha},
    {"t", "std", dm_schedule_at_time, std},
    {"t", "drift_coef", dm_schedule_at_time, drift},
    {"t", "diffusion", dm_schedule_at_time, diffusion},
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

/* The time grids of a `continuous` table, grid.KIND.N, are N steps over the range of the schedule. */
static int check_time_grid(const dm_schedule *schedule, struct case_array *array, struct check *check)
{
	static const char *const kinds[][2] = {
	    {"grid.uniform_time.", "time_uniform:steps=%zu"},
	    {"grid.quadratic_time.", "time_quadratic:steps=%zu"},
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

/* ---------------------------------------------------------------------------------------------------- schedules */

/* The floor is laid under the last alpha-bar alone: the betas are those without it. */
static int check_unfloored(const struct test_case *c, const struct column *column, struct case_array *array,
                           struct check *check)
{
	dm_schedule *exact = NULL;
	int kind = table_schedule(c, "zero_snr=exact", &exact, check->verdict);
	if (!kind)
		kind = check_column(c, exact, column, array, check);
	dm_schedule_free(exact);
	return kind;
}

/* One step of 1/N as a score-based sampler discretises it: x' = x + f x + G z (section 6, pc). vp: the table of N betas
 * from beta_min/N to beta_max/N; ve: N levels even in the logarithm; else drift and diffusion over N. */
static int discrete_step(const struct test_case *c, const dm_schedule *schedule, double t, double *f, double *g,
                         struct verdict *verdict)
{
	char spec[SPEC_SIZE];
	dm_schedule *table = NULL;
	dm_node node, before = {.alpha = 1};
	dm_error err;
	double n = case_number(c, "schedule.N", 1000), index = floor(t * (n - 1)), g2 = 0;
	dm_status st;
	if (case_is(c, "schedule", "vp_sde")) {
		snprintf(spec, sizeof spec, "linear:T=%.0f,beta_start=%.17g,beta_end=%.17g", n,
		         case_number(c, "schedule.beta_min", NAN) / n, case_number(c, "schedule.beta_max", NAN) / n);
		st = dm_schedule_create(&table, spec, NULL, &err);
		if (st == DM_OK)
			st = dm_schedule_at_time(table, index, &node, &err);
		if (st == DM_OK)
			st = dm_schedule_at_time(table, index - 1, &before, &err);
		*f = node.alpha / before.alpha - 1;
		g2 = 1 - pow(node.alpha / before.alpha, 2);
	} else if (case_is(c, "schedule", "ve_sde")) {
		st = dm_schedule_at_time(schedule, index / (n - 1), &node, &err);
		if (st == DM_OK && index > 0)
			st = dm_schedule_at_time(schedule, (index - 1) / (n - 1), &before, &err);
		*f = 0;
		g2 = node.sigma * node.sigma - (index > 0 ? before.sigma * before.sigma : 0);
	} else {
		st = dm_schedule_sde(schedule, t, f, &g2, &err);
		*f /= n;
		g2 /= n;
	}
	*g = sqrt(g2);
	dm_schedule_free(table);
	return st == DM_OK ? VERDICT_PASS : say(verdict, VERDICT_FAIL, "discrete step at t = %g: %s", t, err.message);
}

static int check_discrete(const struct test_case *c, const dm_schedule *schedule, struct case_array *array,
                          struct check *check)
{
	const struct case_array *t = case_array(c, "t");
	int wants_g = !strcmp(array->name, "discrete_G"), kind = VERDICT_PASS;
	double *value = calloc(array->n + 1, sizeof *value);
	if (!t || !value || t->n != array->n)
		kind = say(check->verdict, VERDICT_FAIL, "array %s without times", array->name);
	for (size_t i = 0; !kind && i < array->n; i++) {
		double f, g;
		kind = discrete_step(c, schedule, t->value[i], &f, &g, check->verdict);
		value[i] = wants_g ? g : f;
	}
	if (!kind)
		kind = compare(check, array, value, array->n, array->name);
	free(value);
	return kind;
}

static int check_array(const struct test_case *c, const dm_schedule *schedule, struct case_array *array,
                       struct check *check)
{
	const struct column *column = find_column(c, array);
	if (!strncmp(array->name, "discrete_", 9))
		return check_discrete(c, schedule, array, check);
	if (column && !strcmp(array->name, "beta") && case_is(c, "schedule.zero_snr", "floor"))
		return check_unfloored(c, column, array, check);
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
int column_table(const struct test_case *c, struct check *check)
{
	dm_schedule *schedule = NULL;
	struct verdict missing = {VERDICT_PASS, ""};
	int kind = table_schedule(c, NULL, &schedule, check->verdict);
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
