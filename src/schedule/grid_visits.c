/* Edits of any grid that falls: where it starts, and grids that climb again:
 *
 *     from      starts at exactly one level (img2img, Meng 2022): sigma/alpha = level, or where strength is left of
 *               the process time between the grid's first node and clean data; nodes above it are left out
 *     restart   (Xu 2023, algorithm 1) at the first node with sigma/alpha <= low, `times` times: up to the level high, and
 *               down again in `steps` steps, spaced as high^(1/rho) .. low^(1/rho)
 *     repaint   (Lugmayr 2022, algorithm 1; time travel of Wang 2023 and Yu 2023) counted from the end, at node 0,
 *               length, 2 length, ... below N - length: `samples` - 1 times up `length` nodes and down again */
#include "base/compiler.h"
#include "schedule/grid.h"
#include "base/error.h"
#include <math.h>
#include <string.h>

static double level_of(const dm_node *node)
{
	return node->sigma / node->alpha;
}

/* The grid's nodes are replaced by those pushed while `fill` ran; it reads the old ones. */
struct old {
	dm_node *node;
	size_t n, capacity;
};

static dm_status falls_only(const dm_grid *g, const char *name, dm_error *err)
{
	for (size_t i = 1; i < g->n; i++)
		if (!(g->node[i].lambda > g->node[i - 1].lambda))
			return dmi_fail(err, DM_ERR_UNSUPPORTED, "grid edit \"%s\": the noise must fall from node to node", name);
	return DM_OK;
}

static struct old take_nodes(dm_grid *g)
{
	struct old old = {g->node, g->n, g->capacity};
	g->node = NULL;
	g->n = g->capacity = 0;
	return old;
}

static void drop(const dm_grid *g, struct old *old)
{
	dmi_release_memory(&g->object.allocator, old->node, old->capacity * sizeof *old->node);
}

/* ------------------------------------------------------------------------------------------------------------- from */

enum { FROM_LEVEL, FROM_STRENGTH };

static const dm_option from_options[] = {
    DMI_REAL("level", "sigma/alpha of the first node, above 0; or give strength", 0, 0, 1e30),
    DMI_REAL("strength", "share of the process time that is left, above 0, or there is no step; or give level", 0, 0,
             1),
};

/* Just one of the two, and above 0. */
static dm_status check_from(const struct dmi_options *options, dm_error *err)
{
	int level = options->given >> FROM_LEVEL & 1, strength = options->given >> FROM_STRENGTH & 1;
	if (level && strength)
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid edit \"from\": give level = %g or strength = %g, not both",
		                options->value[FROM_LEVEL], options->value[FROM_STRENGTH]);
	if (!level && !strength)
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "grid edit \"from\": give level, a sigma/alpha above 0, or strength in (0, 1]");
	if (level && options->value[FROM_LEVEL] == 0)
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "grid edit \"from\": level = 0 leaves no step, the result would be the start itself; a grid "
		                "needs level in (0, 1e30]");
	if (strength && options->value[FROM_STRENGTH] == 0)
		return dmi_fail(
		    err, DM_ERR_ARGUMENT,
		    "grid edit \"from\": strength = 0 leaves no step, the result would be the start itself; a grid needs "
		    "strength in (0, 1]");
	return DM_OK;
}

static dm_status from_node(const dm_grid *g, const double *option, dm_node *out, dm_error *err)
{
	const dm_node *first = &g->node[0];
	double clean = g->schedule->t_clean;
	if (option[FROM_LEVEL] > 0)
		return dmi_schedule_at_level(g->schedule, option[FROM_LEVEL], out, err);
	if (option[FROM_STRENGTH] == 1) {
		*out = *first;
		return DM_OK;
	}
	return dm_schedule_at_time(g->schedule, clean + option[FROM_STRENGTH] * (first->t - clean), out, err);
}

static dm_status from(dm_grid *g, const struct dmi_options *options, dm_error *err)
{
	dm_node start;
	size_t keep = 0;
	dm_status st = falls_only(g, "from", err);
	if (st == DM_OK)
		st = check_from(options, err);
	if (st == DM_OK)
		st = from_node(g, options->value, &start, err);
	if (st != DM_OK)
		return st;
	while (keep < g->n && !(g->node[keep].lambda > start.lambda))
		keep++;
	if (keep == g->n || start.lambda < g->node[0].lambda)
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "grid edit \"from\": level %g must lie between the grid's first %g and last %g",
		                level_of(&start), level_of(&g->node[0]), level_of(&g->node[g->n - 1]));
	if (keep > 0 && g->node[keep - 1].lambda == start.lambda) /* with the time that it has on the grid */
		start = g->node[keep - 1];
	struct old old = take_nodes(g);
	st = dmi_grid_push(g, &start, err);
	for (size_t i = keep; st == DM_OK && i < old.n; i++)
		st = dmi_grid_push(g, &old.node[i], err);
	drop(g, &old);
	return st;
}

const struct dmi_grid_edit_type dmi_grid_edit_from = {
    DMI_METHOD("from", "start at one level", "Meng 2022, algorithm 1", from_options),
    from,
};

/* ---------------------------------------------------------------------------------------------------------- restart */

enum { LOW, HIGH, TIMES, STEPS, RHO };

static const dm_option restart_options[] = {
    DMI_REAL("low", "sigma/alpha at and below which it turns", 0.06, 0, 1e30),
    DMI_REAL("high", "sigma/alpha that it climbs to", 0.3, 1e-30, 1e30),
    DMI_INTEGER("times", "how often", 2, 1, 10000),
    DMI_INTEGER("steps", "steps of every fall", 6, 1, 100000),
    DMI_REAL("rho", "exponent of their spacing", 7, 1, 1000),
};

static dm_status push_loop(dm_grid *g, const dm_node *turn, const double *option, dm_error *err)
{
	dm_status st = DM_OK;
	double high = option[HIGH], low = level_of(turn), steps = option[STEPS];
	for (double time = 0; st == DM_OK && time < option[TIMES]; time++) {
		for (double i = 0; st == DM_OK && i < steps; i++)
			st = dmi_grid_push_level(g, i == 0 ? high : dmi_level_karras(high, low, i / steps, option[RHO]), err);
		if (st == DM_OK)
			st = dmi_grid_push(g, turn, err);
	}
	return st;
}

static dm_status restart(dm_grid *g, const struct dmi_options *options, dm_error *err)
{
	const double *option = options->value;
	size_t turn = 0;
	dm_node unused;
	while (turn < g->n && !(level_of(&g->node[turn]) <= option[LOW]))
		turn++;
	if (turn == g->n || !(g->node[turn].sigma > 0))
		return dmi_fail(
		    err, DM_ERR_ARGUMENT,
		    "grid edit \"restart\": no node with sigma > 0 lies at or below low = %g; the least level is %g",
		    option[LOW], level_of(&g->node[g->n - (g->node[g->n - 1].sigma > 0 ? 1 : 2)]));
	if (!(option[HIGH] > level_of(&g->node[turn])))
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "grid edit \"restart\": high = %g must be above the level %g where it turns", option[HIGH],
		                level_of(&g->node[turn]));
	if (option[TIMES] * (option[STEPS] + 1) > 1 << 24)
		return dmi_fail(err, DM_ERR_OVERFLOW,
		                "grid edit \"restart\": times = %g falls of steps = %g are more than 2^24 nodes", option[TIMES],
		                option[STEPS]);
	dm_status st = dmi_schedule_at_level(g->schedule, option[HIGH], &unused, err);
	if (st != DM_OK)
		return st;
	struct old old = take_nodes(g);
	for (size_t i = 0; st == DM_OK && i < old.n; i++) {
		st = dmi_grid_push(g, &old.node[i], err);
		if (st == DM_OK && i == turn)
			st = push_loop(g, &old.node[i], option, err);
	}
	drop(g, &old);
	return st;
}

const struct dmi_grid_edit_type dmi_grid_edit_restart = {
    DMI_METHOD("restart", "climb again from one level to another, several times", "Xu 2023, algorithm 1",
               restart_options),
    restart,
};

/* ---------------------------------------------------------------------------------------------------------- repaint */

enum { LENGTH, SAMPLES };

static const dm_option repaint_options[] = {
    DMI_INTEGER("length", "nodes of a climb, fewer than the grid's steps", 10, 1, 1000000),
    DMI_INTEGER("samples", "how often every stretch is gone down", 10, 1, 1000000),
};

/* The time T - 1 - i of the list is node i; a step from time t ends at node steps - t, a climb at the entry before it. */
static dm_status push_visits(dm_grid *g, const struct old *old, const int64_t *time, size_t n, dm_error *err)
{
	size_t steps = old->n - 1;
	dm_status st = dmi_grid_push(g, &old->node[0], err);
	for (size_t i = 0; st == DM_OK && i < n; i++) {
		int climbs = i > 0 && time[i] > time[i - 1];
		st = dmi_grid_push(g, &old->node[climbs ? steps - 1 - (size_t)time[i - 1] : steps - (size_t)time[i]], err);
	}
	return st;
}

static dm_status repaint(dm_grid *g, const struct dmi_options *options, dm_error *err)
{
	const double *option = options->value;
	size_t n = 0, steps = g->n - 1;
	const dm_allocator *allocator = &g->object.allocator;
	dm_status st = falls_only(g, "repaint", err);
	if (st == DM_OK && option[SAMPLES] > 1 && option[LENGTH] >= (double)steps)
		st = dmi_fail(err, DM_ERR_ARGUMENT,
		              "grid edit \"repaint\": length = %g must be below the grid's %z steps, or nothing climbs",
		              option[LENGTH], steps);
	if (st == DM_OK)
		st = dm_grid_repaint_times(steps, (size_t)option[LENGTH], (size_t)option[SAMPLES], NULL, 0, &n, err);
	if (st == DM_OK && n > 16777215)
		st = dmi_fail(err, DM_ERR_OVERFLOW, "grid edit \"repaint\": %z visits are more than 2^24", n);
	int64_t *time = st == DM_OK ? dmi_allocate(allocator, n, sizeof *time, err) : NULL;
	if (!time)
		return st == DM_OK ? DM_ERR_MEMORY : st;
	st = dm_grid_repaint_times(steps, (size_t)option[LENGTH], (size_t)option[SAMPLES], time, n, &n, err);
	struct old old = take_nodes(g);
	if (st == DM_OK)
		st = push_visits(g, &old, time, n, err);
	drop(g, &old);
	dmi_release_memory(allocator, time, n * sizeof *time);
	return st;
}

const struct dmi_grid_edit_type dmi_grid_edit_repaint = {
    DMI_METHOD("repaint", "go down every stretch several times", "Lugmayr 2022, algorithm 1", repaint_options),
    repaint,
};

/* --------------------------------------------------------------------------------------------------------- registry */

const struct dmi_method *const *dmi_grid_edit_registry(int32_t *n)
{
	static const struct dmi_method *const registry[] = {&dmi_grid_edit_from.method, &dmi_grid_edit_restart.method,
	                                                    &dmi_grid_edit_repaint.method};
	*n = (int32_t)(sizeof registry / sizeof *registry);
	return registry;
}
