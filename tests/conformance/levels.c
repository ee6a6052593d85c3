#include "levels.h"
#include "translate.h"
#include "visits.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int in_space(const struct test_case *c, const char *space)
{
	return case_is(c, "space", space);
}

static int counts_in_flow(const struct test_case *c)
{
	return in_space(c, "flow") || (!case_text(c, "space") && case_is(c, "schedule", "flow"));
}

double level_of_node(const struct test_case *c, const dm_node *node)
{
	if (counts_in_flow(c))
		return node->sigma / (node->alpha + node->sigma);
	return node->sigma / node->alpha;
}

dm_node node_at_level(const struct test_case *c, double level)
{
	dm_node node = {.t = NAN, .time = NAN, .alpha = 1, .sigma = level};
	if (counts_in_flow(c)) {
		node.alpha = 1 - level;
	} else if (in_space(c, "vp") || case_is(c, "schedule", "discrete")) {
		node.alpha = 1 / sqrt(1 + level * level);
		node.sigma = isinf(level) ? 1 : level / sqrt(1 + level * level);
	}
	return node;
}

double state_scale(const struct test_case *c, const dm_node *node)
{
	return in_space(c, "ve") || in_space(c, "unit_latents") ? 1 / node->alpha : 1;
}

int check_grid(const struct test_case *c, const dm_schedule *schedule, const dm_grid *grid, const dm_model *model,
               struct check *check, struct case_array *time, struct case_array *level)
{
	size_t n = dm_grid_count(grid);
	double *value = calloc(n, sizeof *value);
	dm_error err;
	int kind = value ? VERDICT_PASS : say(check->verdict, VERDICT_FAIL, "out of memory");
	/* the final node may be left out of the levels, or be among the times */
	size_t n_level = level && level->n == n - 1 ? n - 1 : n, n_time = time && time->n == n ? n : n - 1;
	for (size_t i = 0; !kind && i < n; i++)
		value[i] = level_of_node(c, dm_grid_node(grid, i));
	if (!kind && level)
		kind = compare(check, level, value, n_level, level->name);
	for (size_t i = 0; !kind && time && i < n_time; i++)
		if (!model)
			value[i] = dm_grid_node(grid, i)->t;
		else if (dm_model_time(model, schedule, dm_grid_node(grid, i), &value[i], &err) != DM_OK)
			kind = say(check->verdict, VERDICT_FAIL, "time of node %zu: %s", i, err.message);
	if (!kind && time)
		kind = compare_times(check, time, value, n_time, time->name);
	free(value);
	return kind;
}

/* ------------------------------------------------------------------------------------------- grids of the caller */

/* The node at table index t; below the table, by `grid.final`, index 0 or the clean sample (the default). */
static int node_at_index(const struct test_case *c, const dm_schedule *schedule, double t, dm_node *out,
                         struct verdict *verdict)
{
	dm_error err;
	if (t < 0)
		t = case_is(c, "grid.final", "first") || case_is(c, "grid.final", "sigma_min") ? 0 : -1;
	t = fmin(t, (double)dm_schedule_table_size(schedule) - 1);
	if (dm_schedule_at_time(schedule, t, out, &err) != DM_OK)
		return say(verdict, VERDICT_FAIL, "index %g: %s", t, err.message);
	return VERDICT_PASS;
}

/* ddim_inverse: the state at index t - floor(T/N) goes to index t, and the model receives t. */
static double inverse_stride(const struct test_case *c)
{
	const struct case_array *time = case_array(c, "grid.time");
	return floor(case_number(c, "schedule.T", 1000) / (double)time->n);
}

static int inverse_nodes(const struct test_case *c, const dm_schedule *schedule, size_t piece, dm_node *node, size_t n,
                         struct verdict *verdict)
{
	const struct case_array *time = case_array(c, "grid.time");
	for (size_t i = 0; i < n; i++) {
		int last = i == n - 1;
		double at = last ? time->value[piece + i - 1] : time->value[piece + i] - inverse_stride(c);
		if (node_at_index(c, schedule, at, &node[i], verdict))
			return verdict->kind;
		node[i].time = last ? NAN : time->value[piece + i];
	}
	return VERDICT_PASS;
}

size_t grid_pieces(const struct test_case *c)
{
	const struct case_array *time = case_array(c, "grid.time");
	if (!case_is(c, "sampler", "ddim_inverse") || !time)
		return 1;
	for (size_t i = 1; i < time->n; i++)
		if (time->value[i] - inverse_stride(c) != time->value[i - 1])
			return time->n;
	return 1;
}

static int index_nodes(const struct test_case *c, const dm_schedule *schedule, dm_node *node, size_t n,
                       struct verdict *verdict)
{
	const double *time = case_array(c, "grid.time")->value;
	for (size_t i = 0; i < n; i++)
		if (node_at_index(c, schedule, i < n - 1 ? time[i] : -1, &node[i], verdict))
			return verdict->kind;
	return VERDICT_PASS;
}

static void level_nodes(const struct test_case *c, dm_node *node, size_t n)
{
	const struct case_array *level = case_array(c, "grid.sigma"), *time = case_array(c, "grid.time");
	for (size_t i = 0; i < n; i++) {
		node[i] = node_at_level(c, level->value[i]);
		if (time && i < time->n)
			node[i].time = time->value[i];
	}
}

/* The ends, which an adaptive method sees, and what lies evenly in ln level between them. */
static void end_nodes(const struct test_case *c, dm_node *node, size_t n)
{
	double high = case_number(c, "grid.sigma_max", NAN), low = case_number(c, "grid.sigma_min", NAN);
	for (size_t i = 0; i < n; i++)
		node[i] = node_at_level(c, i == n - 1 ? low : high * pow(low / high, (double)i / (double)(n - 1)));
}

/* The same by the ends of time. */
static int timed_nodes(const struct test_case *c, const dm_schedule *schedule, dm_node *node, size_t n,
                       struct verdict *verdict)
{
	double from = case_number(c, "grid.t_start", NAN), to = case_number(c, "grid.t_end", NAN);
	dm_error err;
	for (size_t i = 0; i < n; i++) {
		double t = i == n - 1 ? to : from + (to - from) * (double)i / (double)(n - 1);
		if (dm_schedule_at_time(schedule, t, &node[i], &err) != DM_OK)
			return say(verdict, VERDICT_FAIL, "time %g: %s", t, err.message);
	}
	return VERDICT_PASS;
}

/* Whether the times are whole indices of the table whose levels the grid takes. */
static int given_by_index(const struct test_case *c, const dm_schedule *schedule)
{
	const struct case_array *time = case_array(c, "grid.time");
	const char *final = case_text(c, "grid.final");
	if (!time || !dm_schedule_table_size(schedule) || !case_is(c, "time", "index"))
		return 0;
	if (case_is(c, "grid.direction", "up") && case_array(c, "grid.sigma"))
		return 0;
	if (case_is(c, "grid.sigma_rule", "log_linear") || (final && (final[0] == 'r' || final[0] == 'i')))
		return 0;
	for (size_t i = 0; i < time->n; i++)
		if (time->value[i] != floor(time->value[i]))
			return 0;
	return 1;
}

static int caller_nodes(const struct test_case *c, const dm_schedule *schedule, size_t piece, dm_node *node, size_t n,
                        struct verdict *verdict)
{
	int by_index = given_by_index(c, schedule);
	if (by_index && case_is(c, "sampler", "ddim_inverse"))
		return inverse_nodes(c, schedule, piece, node, n, verdict);
	if (by_index)
		return index_nodes(c, schedule, node, n, verdict);
	if (case_is(c, "grid", "none") && !case_text(c, "grid.sigma_max"))
		return timed_nodes(c, schedule, node, n, verdict);
	if (case_is(c, "grid", "none"))
		end_nodes(c, node, n);
	else if (case_array(c, "grid.sigma"))
		level_nodes(c, node, n);
	else
		return say(verdict, VERDICT_SKIP, "grid %s without arrays", case_text(c, "grid"));
	return VERDICT_PASS;
}

static int grid_of_nodes(const struct test_case *c, const dm_schedule *schedule, size_t piece, struct check *check,
                         dm_grid **out)
{
	struct case_array *level = case_array(c, "grid.sigma"), *time = case_array(c, "grid.time");
	int whole = grid_pieces(c) == 1;
	size_t ends = case_is(c, "sampler", "dpm_fast") ? (size_t)case_number(c, "sampler.nfe", 0) / 3 + 2 : 2;
	size_t n = !whole ? 2 : level ? level->n : time ? time->n + 1 : ends;
	dm_error err;
	dm_node *node = calloc(n + 2, sizeof *node);
	int kind = node ? caller_nodes(c, schedule, piece, node, n, check->verdict)
	                : say(check->verdict, VERDICT_FAIL, "out of memory");
	if (!kind && dm_grid_create_nodes(out, schedule, node, n, NULL, &err) != DM_OK)
		kind = say(check->verdict, VERDICT_FAIL, "%s", err.message);
	free(node);
	if (kind || !whole)
		return kind;
	/* levels that the nodes were made from say nothing new: a moved one would agree with itself */
	struct check own = *check;
	kind = check_grid(c, schedule, *out, NULL, &own, NULL, level);
	if (given_by_index(c, schedule))
		check->n_touched = own.n_touched;
	return kind;
}

/* ---------------------------------------------------------------------------------------------------- named grids */

#define LEVEL_TOLERANCE 2e-5
enum { MAX_STEPS = 1000000 };

/* dpm_singlestep_midtime: one step for every entry of `orders`. The grid has as many; or, where they add up to its own
 * number of steps and it is not even in lambda, its nodes at their sums are taken. */
struct blocks {
	size_t n, sum, end[256];
};

static void count_blocks(const struct test_case *c, struct blocks *b)
{
	const char *at = case_text(c, "sampler.orders");
	char *end;
	memset(b, 0, sizeof *b);
	for (; at && *at && b->n < 256; at = end) {
		b->sum += (size_t)strtoul(at, &end, 10);
		if (end == at)
			return;
		b->end[b->n++] = b->sum;
	}
}

static int join_blocks(const dm_schedule *schedule, const struct blocks *b, dm_grid **grid, struct verdict *verdict)
{
	dm_error err;
	dm_node node[257];
	dm_grid *all = *grid;
	for (size_t i = 0; i <= b->n; i++)
		node[i] = *dm_grid_node(all, i ? b->end[i - 1] : 0);
	*grid = NULL;
	dm_status st = dm_grid_create_nodes(grid, schedule, node, b->n + 1, NULL, &err);
	dm_grid_free(all);
	return st == DM_OK ? VERDICT_PASS : say(verdict, VERDICT_FAIL, "%s", err.message);
}

static int given_grid(const struct test_case *c, const dm_schedule *schedule, const dm_model *model, size_t piece,
                      struct check *check, dm_grid **out)
{
	char spec[SPEC_SIZE];
	struct verdict unnamed = {0};
	struct check own = *check;
	dm_error err;
	double steps = case_number(c, "grid.steps", 0);
	int kind = VERDICT_SKIP, in_blocks = case_is(c, "sampler", "dpm_singlestep_midtime");
	struct blocks blocks;
	count_blocks(c, &blocks);
	if (in_blocks && (case_is(c, "grid", "log_snr") || (double)blocks.sum != steps)) {
		steps = (double)blocks.n;
		in_blocks = 0;
	}
	own.tol = LEVEL_TOLERANCE;
	if (!case_text(c, "grid"))
		return say(check->verdict, VERDICT_FAIL, "the case has no grid");
	if (case_is(c, "sampler", "repaint"))
		return visits_grid(c, schedule, check->verdict, out);
	if (!(steps >= 1 && steps <= MAX_STEPS) || only_grid_times_are_whole(c) ||
	    translate_grid(c, (size_t)steps, spec, &unnamed)) {
		kind = grid_of_nodes(c, schedule, piece, &own, out);
		check->n_touched = own.n_touched;
		return kind == VERDICT_SKIP ? say(check->verdict, kind, "%s", unnamed.reason) : kind;
	}
	if (dm_grid_create(out, schedule, spec, NULL, &err) != DM_OK)
		return say(check->verdict, VERDICT_FAIL, "grid \"%.100s\": %s", spec, err.message);
	if (case_is(c, "grid", "linear_time"))
		model = NULL; /* its times are those of the process */
	kind = check_grid(c, schedule, *out, model, &own, case_array(c, "grid.time"), case_array(c, "grid.sigma"));
	if (!kind && in_blocks)
		kind = join_blocks(schedule, &blocks, out, check->verdict);
	check->n_touched = own.n_touched;
	return kind;
}

/* ddim_reverse: from the least noisy node of the grid, the clean one left out, up to the noisiest. */
static int turn(dm_grid **grid, struct verdict *verdict)
{
	dm_error err;
	dm_grid *noisy = NULL, *down = *grid;
	*grid = NULL;
	dm_status st = dm_grid_split(&noisy, NULL, down, dm_grid_count(down) - 2, NULL, &err);
	if (st == DM_OK)
		st = dm_grid_flip(grid, noisy, NULL, &err);
	dm_grid_free(noisy);
	dm_grid_free(down);
	return st == DM_OK ? VERDICT_PASS : say(verdict, VERDICT_FAIL, "%s", err.message);
}

int build_grid(const struct test_case *c, const dm_schedule *schedule, const dm_model *model, size_t piece,
               struct check *check, dm_grid **out)
{
	int kind = given_grid(c, schedule, model, piece, check, out);
	return kind || !case_is(c, "sampler", "ddim_reverse") ? kind : turn(out, check->verdict);
}
