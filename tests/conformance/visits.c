#include "visits.h"
#include "translate.h"
#include <math.h>
#include <stdlib.h>

/* One entry of the time list: a step from there, or a climb to the entry before. */
struct visit {
	int climbs;
	double end;      /* table index that it ends at; below 0: clean */
	size_t first, n; /* its noise blocks */
};

static double stride(const struct test_case *c)
{
	return floor(case_number(c, "schedule.T", 0) / case_number(c, "grid.steps", 1));
}

static struct visit visit_at(const struct test_case *c, size_t i)
{
	const double *time = case_array(c, "grid.time")->value;
	struct visit v = {0};
	for (size_t k = 0; k <= i; k++) {
		v.first += v.n;
		v.climbs = k > 0 && time[k] > time[k - 1];
		v.end = v.climbs ? time[k - 1] : time[k] - stride(c);
		v.n = v.climbs ? (size_t)stride(c) : 1;
	}
	return v;
}

static dm_status node_at(const dm_schedule *schedule, double index, dm_node *node, dm_error *err)
{
	*node = (dm_node){.t = -1, .time = NAN, .alpha = 1};
	return index < 0 ? DM_OK : dm_schedule_at_time(schedule, index, node, err);
}

int visits_grid(const struct test_case *c, const dm_schedule *schedule, struct verdict *verdict, dm_grid **out)
{
	const struct case_array *time = case_array(c, "grid.time");
	dm_error err;
	dm_node *node = calloc(time ? time->n + 1 : 1, sizeof *node);
	dm_status st = time && node ? node_at(schedule, time->value[0], &node[0], &err) : DM_ERR_MEMORY;
	for (size_t i = 0; st == DM_OK && i < time->n; i++)
		st = node_at(schedule, visit_at(c, i).end, &node[i + 1], &err);
	if (st == DM_OK)
		st = dm_grid_create_visits(out, schedule, node, time->n + 1, NULL, &err);
	free(node);
	return st == DM_OK ? VERDICT_PASS : say(verdict, VERDICT_FAIL, "grid of visits: %s", err.message);
}

static const double *block_value(const struct test_case *c, size_t k, size_t n)
{
	size_t block = case_next_block(c, BLOCK_NOISE, 0);
	for (; k > 0; k--)
		block = case_next_block(c, BLOCK_NOISE, block + 1);
	const struct case_array *array = block < c->n_block ? case_block_array(c, block, "value") : NULL;
	return array && array->n == n ? array->value : NULL;
}

/* alpha-bar of an entry of the table, 1 below it. */
static double alpha_bar(const dm_schedule *schedule, double index)
{
	dm_node node;
	dm_error err;
	return node_at(schedule, index, &node, &err) == DM_OK ? node.alpha * node.alpha : NAN;
}

/* x <- sqrt(1 - b) x + sqrt(b) z for every entry from v->end on, as one unit normal. */
static int fold(const struct test_case *c, const struct visit *v, size_t n, double *out)
{
	char spec[SPEC_SIZE];
	struct verdict unused;
	dm_error err;
	dm_schedule *schedule;
	double last = v->end + (double)v->n - 1;
	if (translate_schedule(c, spec, &unused) || dm_schedule_create(&schedule, spec, NULL, &err) != DM_OK)
		return 0;
	for (size_t i = 0; i < n; i++)
		out[i] = 0;
	int found = 1;
	for (size_t k = 0; k < v->n; k++) {
		double at = v->end + (double)k, here = alpha_bar(schedule, at), beta = 1 - here / alpha_bar(schedule, at - 1);
		double total = 1 - alpha_bar(schedule, last) / alpha_bar(schedule, v->end - 1);
		double factor = sqrt(beta * alpha_bar(schedule, last) / here / total);
		const double *z = block_value(c, v->first + k, n);
		found = found && z;
		for (size_t i = 0; z && i < n; i++)
			out[i] += factor * z[i];
	}
	dm_schedule_free(schedule);
	return found;
}

int visits_noise(const struct test_case *c, uint32_t draw, size_t n, double *out)
{
	uint32_t first;
	int renoise = draw >> 29 == DM_DRAW_RENOISE;
	size_t step = 0, last = case_array(c, "grid.time")->n; /* draws count visits from 1, those of steps from 0 */
	for (; step < last; step++)
		for (int32_t tag = 0; tag < 2; tag++)
			if (dm_draw((int32_t)(draw >> 29), (int64_t)step + renoise, tag, &first, NULL) == DM_OK && first == draw)
				goto found;
	return 0;
found:;
	struct visit v = visit_at(c, step);
	if (v.climbs)
		return fold(c, &v, n, out);
	const double *z = block_value(c, v.first, n);
	for (size_t i = 0; z && i < n; i++)
		out[i] = z[i];
	return z != NULL;
}

int visits_bind(const struct test_case *c, dm_run *run, struct verdict *verdict)
{
	const struct case_array *known = case_array(c, "known"), *mask = case_array(c, "mask");
	dm_error err;
	if (!known || !mask)
		return say(verdict, VERDICT_FAIL, "the case has no known part or no mask");
	if (dm_run_bind(run, DM_BOUND_KNOWN, known->value, DM_F64, known->n, &err) != DM_OK ||
	    dm_run_bind(run, DM_BOUND_MASK, mask->value, DM_F64, mask->n, &err) != DM_OK)
		return say(verdict, VERDICT_FAIL, "%s", err.message);
	return VERDICT_PASS;
}
