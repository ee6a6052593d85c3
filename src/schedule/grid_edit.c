/* New grids from old ones: the editing operations of ComfyUI's sigma nodes, on nodes. */
#include "base/compiler.h"
#include "schedule/grid.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>
#include <string.h>

static dm_status check(dm_grid **out, const dm_grid *g, const char *what, dm_error *err)
{
	if (!out)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: out is NULL", what);
	*out = NULL;
	if (!g)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: grid is NULL", what);
	return DM_OK;
}

/* What makes a grid like this one: from nodes that go one way, or that fall and climb. */
typedef dm_status make_grid(dm_grid **out, const dm_schedule *schedule, const dm_node *node, size_t n,
                            const dm_allocator *allocator, dm_error *err);

static make_grid *maker_of(const dm_grid *g)
{
	int falls = 0, climbs = 0;
	for (size_t i = 1; i < g->n; i++) {
		falls |= g->node[i].lambda > g->node[i - 1].lambda;
		climbs |= g->node[i].lambda < g->node[i - 1].lambda;
	}
	return falls && climbs ? dm_grid_create_visits : dm_grid_create_nodes;
}

/* ------------------------------------------------------------------------------------------------------------ split */

dm_status dm_grid_split(dm_grid **high, dm_grid **low, const dm_grid *g, size_t node, const dm_allocator *allocator,
                        dm_error *err)
{
	if (high)
		*high = NULL;
	if (low)
		*low = NULL;
	if (!g)
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid split: grid is NULL");
	size_t first = high ? 1 : 0, last = low ? g->n - 2 : g->n - 1;
	if (node < first || node > last)
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "grid split: node = %z is outside [%z, %z]: both parts wanted need a step", node, first, last);
	make_grid *make = maker_of(g);
	dm_status st = high ? make(high, g->schedule, g->node, node + 1, allocator, err) : DM_OK;
	if (st == DM_OK && low)
		st = make(low, g->schedule, g->node + node, g->n - node, allocator, err);
	if (st != DM_OK && high) {
		dm_grid_free(*high);
		*high = NULL;
	}
	return st;
}

dm_status dm_grid_split_strength(dm_grid **high, dm_grid **low, const dm_grid *g, double strength,
                                 const dm_allocator *allocator, dm_error *err)
{
	if (high)
		*high = NULL;
	if (low)
		*low = NULL;
	if (!g)
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid split: grid is NULL");
	if (!(strength >= 0 && strength <= 1))
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid split: strength = %g is outside [0, 1]", strength);
	size_t steps = g->n - 1, left = (size_t)rint(strength * (double)steps);
	if ((left == 0 && low) || (left == steps && high))
		return dmi_fail(
		    err, DM_ERR_ARGUMENT,
		    "grid split: strength = %g leaves %z of %z steps to the low part, which must be %z to %z: no part "
		    "is without a step",
		    strength, left, steps, (size_t)(low ? 1 : 0), high ? steps - 1 : steps);
	return dm_grid_split(high, low, g, steps - left, allocator, err);
}

/* --------------------------------------------------------------------------------------------------- flip, set_first */

/* A copy of the nodes, to be changed; NULL and an error. */
static dm_node *copy(const dm_grid *g, const dm_allocator *memory, dm_error *err)
{
	dm_node *node = dmi_allocate(memory, g->n, sizeof *node, err);
	if (node)
		memcpy(node, g->node, g->n * sizeof *node);
	return node;
}

dm_status dm_grid_flip(dm_grid **out, const dm_grid *g, const dm_allocator *allocator, dm_error *err)
{
	dm_allocator memory;
	dm_status st = check(out, g, "grid flip", err);
	if (st == DM_OK)
		st = dmi_allocator_copy(&memory, allocator, err);
	if (st != DM_OK)
		return st;
	dm_node *node = copy(g, &memory, err);
	if (!node)
		return DM_ERR_MEMORY;
	for (size_t i = 0; i < g->n; i++)
		node[i] = g->node[g->n - 1 - i];
	st = maker_of(g)(out, g->schedule, node, g->n, &memory, err);
	dmi_release_memory(&memory, node, g->n * sizeof *node);
	return st;
}

/* The first node: between node 1 and the end of the process that the grid starts towards. */
static dm_status find_first(const dm_grid *g, double level, dm_node *first, dm_error *err)
{
	const dm_schedule *s = g->schedule;
	double next = g->node[1].sigma / g->node[1].alpha;
	int falls = g->node[1].lambda >= g->node[0].lambda;
	dm_status st = dmi_schedule_at_level(s, level, first, err);
	if (st == DM_OK && (falls ? first->lambda <= g->node[1].lambda : first->lambda >= g->node[1].lambda))
		return DM_OK;
	return dmi_fail(err, DM_ERR_ARGUMENT, "grid set_first: level = %g is outside [%g, %g], from node 1 to the %s end",
	                level, falls ? next : dmi_exp(-s->lambda_high), falls ? dmi_exp(-s->lambda_low) : next,
	                falls ? "noise" : "clean");
}

dm_status dm_grid_set_first(dm_grid **out, const dm_grid *g, double level, const dm_allocator *allocator, dm_error *err)
{
	dm_allocator memory;
	dm_node first;
	dm_status st = check(out, g, "grid set_first", err);
	if (st == DM_OK)
		st = dmi_allocator_copy(&memory, allocator, err);
	if (st == DM_OK)
		st = find_first(g, level, &first, err);
	if (st != DM_OK)
		return st;
	dm_node *node = copy(g, &memory, err);
	if (!node)
		return DM_ERR_MEMORY;
	node[0] = first;
	st = maker_of(g)(out, g->schedule, node, g->n, &memory, err);
	dmi_release_memory(&memory, node, g->n * sizeof *node);
	return st;
}

/* ----------------------------------------------------------------------------------------------------------- extend */

enum { SPACING_EVEN, SPACING_BEGINNING, SPACING_END };

static double bend(double x, int32_t spacing)
{
	const double half_pi = 1.5707963267948966;
	if (spacing == SPACING_EVEN)
		return x;
	return spacing == SPACING_BEGINNING ? 1 - dmi_cos(x * half_pi) : dmi_sin(x * half_pi);
}

static dm_status node_at(const dm_grid *g, double value, dm_node *out, dm_error *err)
{
	if (dmi_grid_is_flow(g))
		return dm_schedule_at_time(g->schedule, value, out, err);
	return dmi_schedule_at_level(g->schedule, value, out, err);
}

/* The nodes of an interval without its last one; returns how many into *n. */
static dm_status cut(const dm_grid *g, size_t i, size_t parts, double high, double low, int32_t spacing, dm_node *out,
                     size_t *n, dm_error *err)
{
	double a = dmi_grid_measure(g, &g->node[i]), b = dmi_grid_measure(g, &g->node[i + 1]);
	dm_status st = DM_OK;
	*n = 1;
	out[0] = g->node[i];
	if (fmax(a, b) > high || fmin(a, b) < low || a == b)
		return DM_OK;
	if (!(fmax(a, b) < INFINITY))
		return dmi_fail(err, DM_ERR_UNSUPPORTED,
		                "grid extend: cannot cut the interval from sigma/alpha = %g evenly; give a lower high", a);
	for (size_t k = 1; st == DM_OK && k < parts; k++) {
		double x = bend((double)k / (double)parts, spacing);
		st = node_at(g, a + x * (b - a), &out[(*n)++], err);
	}
	return st;
}

static dm_status check_extend(size_t parts, double high, double low, int32_t spacing, dm_error *err)
{
	enum { MOST = 10000 };
	if (parts < 1 || parts > MOST)
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid extend: parts = %z is outside [1, %d]", parts, MOST);
	if (!(low >= 0 && low < high))
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid extend: low = %g must be >= 0 and below high = %g", low, high);
	if (spacing < SPACING_EVEN || spacing > SPACING_END)
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid extend: spacing = %d is outside [0, %d]", spacing, SPACING_END);
	return DM_OK;
}

dm_status dm_grid_extend(dm_grid **out, const dm_grid *g, size_t parts, double high, double low, int32_t spacing,
                         const dm_allocator *allocator, dm_error *err)
{
	dm_allocator memory;
	size_t n = 0, capacity, more;
	dm_status st = check(out, g, "grid extend", err);
	if (st == DM_OK)
		st = check_extend(parts, high, low, spacing, err);
	if (st == DM_OK)
		st = dmi_allocator_copy(&memory, allocator, err);
	if (st == DM_OK && !dmi_multiply(g->n, parts, &capacity))
		st = dmi_fail(err, DM_ERR_OVERFLOW, "grid extend: %z nodes cut into %z do not fit", g->n, parts);
	if (st != DM_OK)
		return st;
	dm_node *node = dmi_allocate(&memory, capacity, sizeof *node, err);
	if (!node)
		return DM_ERR_MEMORY;
	for (size_t i = 0; st == DM_OK && i + 1 < g->n; i++) {
		st = cut(g, i, parts, high, low, spacing, node + n, &more, err);
		n += more;
	}
	node[n++] = g->node[g->n - 1];
	if (st == DM_OK)
		st = maker_of(g)(out, g->schedule, node, n, &memory, err);
	dmi_release_memory(&memory, node, capacity * sizeof *node);
	return st;
}

/* ---------------------------------------------------------------------------------------------------------- repaint */

struct list {
	int64_t *time;
	size_t capacity, n;
};

static void put(struct list *list, size_t t)
{
	if (list->n < list->capacity)
		list->time[list->n] = (int64_t)t;
	list->n++;
}

dm_status dm_grid_repaint_times(size_t steps, size_t length, size_t samples, int64_t *time, size_t capacity, size_t *n,
                                dm_error *err)
{
	enum { MOST = 1000000 };
	struct list list = {time, time ? capacity : 0, 0};
	if (!n)
		return dmi_fail(err, DM_ERR_ARGUMENT, "repaint times: n is NULL");
	*n = 0;
	if (steps < 1 || steps > MOST || length < 1 || length > MOST || samples < 1 || samples > MOST)
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "repaint times: steps = %z, length = %z and samples = %z must lie in [1, %d]", steps, length,
		                samples, MOST);
	/* the places above t that a climb passes have no climbs left */
	size_t t = steps;
	while (t > 0) {
		put(&list, --t);
		if (t % length || t + length >= steps)
			continue;
		for (size_t climb = 1; climb < samples; climb++) {
			for (size_t up = 1; up <= length; up++)
				put(&list, t + up);
			for (size_t down = length; down > 0; down--)
				put(&list, t + down - 1);
		}
	}
	*n = list.n;
	return DM_OK;
}
