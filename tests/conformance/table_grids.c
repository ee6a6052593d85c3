#include "table_parts.h"
#include "levels.h"
#include "translate.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* --------------------------------------------------------------------------------------------------------- grids */

/* alpha.N and sigma_vp.N: the coefficients themselves. */
static int check_scaled(const struct test_case *c, const dm_grid *grid, size_t steps, struct check *check)
{
	static const char *const formats[] = {"alpha.%zu", "sigma_vp.%zu"};
	size_t n = dm_grid_count(grid);
	double *value = calloc(n, sizeof *value);
	int kind = value ? VERDICT_PASS : say(check->verdict, VERDICT_FAIL, "out of memory");
	for (int k = 0; !kind && k < 2; k++) {
		char name[32];
		snprintf(name, sizeof name, formats[k], steps);
		for (size_t i = 0; i < n; i++)
			value[i] = k ? dm_grid_node(grid, i)->sigma : dm_grid_node(grid, i)->alpha;
		if (case_array(c, name))
			kind = compare(check, case_array(c, name), value, n, name);
	}
	free(value);
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
	if (!kind)
		kind = check_scaled(c, grid, steps, check);
	dm_grid_free(grid);
	return kind;
}

static int repaint_table(const struct test_case *c, struct check *check)
{
	struct case_array *expected = case_array(c, "time");
	size_t n, steps = (size_t)case_integer(c, "grid.steps"), stride = (size_t)case_integer(c, "schedule.T") / steps;
	int64_t *time = calloc(expected->n, sizeof *time);
	double *value = calloc(expected->n, sizeof *value);
	dm_error err;
	int kind = time && value ? VERDICT_PASS : say(check->verdict, VERDICT_FAIL, "out of memory");
	if (!kind && dm_grid_repaint_times(steps, (size_t)case_integer(c, "grid.jump_length"),
	                                   (size_t)case_integer(c, "grid.jump_samples"), time, expected->n, &n, &err))
		kind = say(check->verdict, VERDICT_FAIL, "%s", err.message);
	for (size_t i = 0; !kind && i < expected->n && i < n; i++)
		value[i] = (double)((size_t)time[i] * stride);
	if (!kind)
		kind = compare(check, expected, value, n, "time");
	free(value);
	free(time);
	return kind;
}

int grid_table(const struct test_case *c, struct check *check)
{
	dm_schedule *schedule = NULL;
	dm_model *model = NULL;
	double steps;
	if (case_is(c, "grid", "repaint"))
		return repaint_table(c, check);
	if (!case_text(c, "steps_list"))
		return say(check->verdict, VERDICT_SKIP, "grid %s", case_text(c, "grid"));
	int kind = table_schedule(c, NULL, &schedule, check->verdict);
	if (!kind)
		kind = make_model(c, &model, check->verdict);
	for (size_t i = 0; !kind && (steps = case_nth(c, "steps_list", i)) >= 1; i++)
		kind = check_steps(c, schedule, model, (size_t)steps, check);
	dm_model_free(model);
	dm_schedule_free(schedule);
	return kind;
}

/* Kept indices, upward, and the betas of the chain over them. */
int respace_table(const struct test_case *c, struct check *check)
{
	char spec[SPEC_SIZE];
	struct case_array *index = case_array(c, "index"), *beta = case_array(c, "new_beta");
	dm_schedule *schedule = NULL;
	dm_grid *grid = NULL;
	dm_error err;
	int kind = table_schedule(c, NULL, &schedule, check->verdict);
	if (!kind)
		kind = translate_grid(c, (size_t)case_integer(c, "grid.steps"), spec, check->verdict);
	if (!kind && dm_grid_create(&grid, schedule, spec, NULL, &err) != DM_OK)
		kind = say(check->verdict, VERDICT_FAIL, "grid \"%.120s\": %s", spec, err.message);
	size_t n = dm_grid_count(grid);
	double *value = calloc(2 * n + 1, sizeof *value);
	for (size_t i = 0; value && i + 1 < n; i++) {
		const dm_node *node = dm_grid_node(grid, n - 2 - i), *before = dm_grid_node(grid, n - 1 - i);
		value[i] = node->t;
		value[n + i] = 1 - node->alpha / before->alpha * (node->alpha / before->alpha);
	}
	if (!kind)
		kind =
		    !value ? say(check->verdict, VERDICT_FAIL, "out of memory") : compare(check, index, value, n - 1, "index");
	if (!kind && beta)
		kind = compare(check, beta, value + n, n - 1, "new_beta");
	free(value);
	dm_grid_free(grid);
	dm_schedule_free(schedule);
	return kind;
}
