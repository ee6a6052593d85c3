/* Grids: registry, creation by name and from nodes, the final node, checks. */
#include "base/compiler.h"
#include "base/selection.h"
#include "schedule/grid.h"
#include "base/error.h"
#include <math.h>
#include <string.h>

/* One line per family. */
#ifndef DEMIST_GRIDS
#define DEMIST_GRIDS(X)                                                                                                \
	X(leading)                                                                                                         \
	X(linspace)                                                                                                        \
	X(trailing)                                                                                                        \
	X(respaced)                                                                                                        \
	X(lcm)                                                                                                             \
	X(time_uniform)                                                                                                    \
	X(time_quadratic)                                                                                                  \
	X(karras)                                                                                                          \
	X(exponential)                                                                                                     \
	X(polyexponential)                                                                                                 \
	X(log_snr)                                                                                                         \
	X(vp_time)                                                                                                         \
	X(iddpm)                                                                                                           \
	X(consistency)                                                                                                     \
	X(geometric_variance)                                                                                              \
	X(laplace)                                                                                                         \
	X(beta)                                                                                                            \
	X(beta_index)                                                                                                      \
	X(simple)                                                                                                          \
	X(normal)                                                                                                          \
	X(sgm_uniform)                                                                                                     \
	X(ddim_uniform)                                                                                                    \
	X(kl_optimal)                                                                                                      \
	X(linear_quadratic)                                                                                                \
	X(smoothstep)                                                                                                      \
	X(bong_tangent)                                                                                                    \
	X(ays_sd15)                                                                                                        \
	X(ays_sdxl)                                                                                                        \
	X(ays_svd)                                                                                                         \
	X(gits)                                                                                                            \
	X(flow)                                                                                                            \
	X(logit_normal)                                                                                                    \
	X(trigflow)                                                                                                        \
	X(sin2_angle)                                                                                                      \
	X(times)                                                                                                           \
	X(levels)
#endif

#define DECLARE(name) extern const struct dmi_grid_family dmi_grid_##name;
#define ENTRY(name) &dmi_grid_##name.method,
DEMIST_GRIDS(DECLARE)
static const struct dmi_method *const registry[] = {DEMIST_GRIDS(ENTRY)};

const char *const dmi_grid_finals[] = {"zero", "last", "repeat", "included", "denoise", NULL};
const char *const dmi_grid_directions[] = {"down", "up", NULL};

const struct dmi_method *const *dmi_grid_registry(int32_t *n)
{
	*n = (int32_t)(sizeof registry / sizeof *registry);
	return registry;
}

/* -------------------------------------------------------------------------------------------------------- nodes */

/* 1: `next` has less noise than `last`. Equal logarithms may hide a last-bit difference. */
static int falls(const dm_node *last, const dm_node *next)
{
	if (next->lambda == last->lambda)
		return next->sigma * last->alpha < last->sigma * next->alpha;
	return next->lambda > last->lambda;
}

static int same(const dm_node *a, const dm_node *b)
{
	return !falls(a, b) && !falls(b, a);
}

static double level(const dm_node *node)
{
	return node->sigma / node->alpha;
}

static const char *name_of(const dm_grid *g)
{
	return g->method ? g->method->info.name : "nodes";
}

/* Two nodes at different times with the same noise. */
static dm_status stands_still(const dm_grid *g, const dm_node *last, const dm_node *next, dm_error *err)
{
	char spec[200] = "";
	struct dmi_text text = {spec, sizeof spec, 0};
	dmi_schedule_print(g->schedule, &text);
	return dmi_fail(err, DM_ERR_ARGUMENT,
	                "grid \"%s\": schedule \"%s\" has the noise sigma/alpha = %g at t = %g and at t = %g alike; %s",
	                name_of(g), spec, next->sigma / next->alpha, last->t, next->t, g->schedule->process->stands_still);
}

double dmi_grid_legible(double x)
{
	double scale = 1;
	if (!(x > 1e-9 && x < 1e11))
		return x;
	while (x * scale < 1e11)
		scale *= 10; /* exact up to 1e22, so that the division below rounds once */
	return rint(x * scale) / scale;
}

static dm_status turns(const dm_grid *g, int up, size_t i, dm_error *err)
{
	double next = level(&g->node[i]), last = level(&g->node[i - 1]);
	double a = dmi_grid_legible(next), b = dmi_grid_legible(last);
	int hides = a == b && next != last;
	return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"%s\": sigma/alpha must %s, but is %g at node %z after %g", name_of(g),
	                up ? "rise" : "fall", hides ? next : a, i, hides ? last : b);
}

/* Values that are clean already, before the final node. */
static dm_status ends_clean(const dm_grid *g, dm_error *err)
{
	return dmi_fail(err, DM_ERR_ARGUMENT,
	                "grid \"%s\": its values end with sigma/alpha = 0 already, and final=%s adds a node behind them; "
	                "give final=included",
	                name_of(g), dmi_grid_finals[(int)g->options.value[DMI_GRID_FINAL]]);
}

/* The noise falls (up: rises) all the way; the last node may repeat the one before where `repeat`. From node `added` on
 * they are those of the option final. */
static dm_status check_order(const dm_grid *g, int up, int repeat, size_t added, dm_error *err)
{
	for (size_t i = 1; i < g->n; i++) {
		const dm_node *last = &g->node[i - 1], *next = &g->node[i];
		if (up ? falls(next, last) : falls(last, next))
			continue;
		if (repeat && (i == g->n - 1 || !g->method) && same(last, next)) /* nodes of the caller's own may stand still */
			continue;
		if (same(last, next) && last->t != next->t && g->schedule->process->stands_still)
			return stands_still(g, last, next, err);
		return i == added && last->sigma == 0 ? ends_clean(g, err) : turns(g, up, i, err);
	}
	return DM_OK;
}

static void turn(dm_grid *g)
{
	for (size_t i = 0, k = g->n - 1; i < k; i++, k--) {
		dm_node keep = g->node[i];
		g->node[i] = g->node[k];
		g->node[k] = keep;
	}
}

static dm_status complete(dm_grid *g, dm_error *err)
{
	size_t n_value = g->n;
	dm_status st = dmi_grid_add_final(g, err);
	if (st == DM_OK && g->n < 2)
		st = dmi_fail(err, DM_ERR_ARGUMENT,
		              "grid \"%s\": final=%s needs two values, the second being the final one, not just %g", name_of(g),
		              dmi_grid_finals[(int)g->options.value[DMI_GRID_FINAL]], g->node[0].sigma / g->node[0].alpha);
	if (st == DM_OK)
		st = check_order(g, 0, dmi_grid_final_is(g, DMI_FINAL_REPEAT), n_value, err);
	if (st != DM_OK)
		return st;
	if (g->options.value[DMI_GRID_DIRECTION] == 1)
		turn(g);
	for (size_t i = 0; i < g->n; i++)
		g->node[i].visit = (int64_t)i;
	return DM_OK;
}

/* ------------------------------------------------------------------------------------------------------- pushing */

size_t dmi_grid_steps(const dm_grid *g)
{
	return (size_t)g->options.value[DMI_GRID_STEPS] + g->one_more;
}

dm_status dmi_grid_check_count(const dm_grid *g, size_t count, const char *what, dm_error *err)
{
	size_t steps = (size_t)g->options.value[DMI_GRID_STEPS];
	if (!(g->options.given & (1u << DMI_GRID_STEPS)) || steps == count)
		return DM_OK;
	return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"%s\": steps = %z, but there are %z %s", name_of(g), steps, count,
	                what);
}

int dmi_grid_final_is(const dm_grid *g, int final)
{
	return g->options.value[DMI_GRID_FINAL] == final;
}

int dmi_grid_keeps_last(const dm_grid *g)
{
	return dmi_grid_final_is(g, DMI_FINAL_INCLUDED);
}

static dm_status grow(dm_grid *g, size_t capacity, dm_error *err)
{
	dm_node *node = dmi_allocate(&g->object.allocator, capacity, sizeof *node, err);
	if (!node)
		return DM_ERR_MEMORY;
	if (g->n)
		memcpy(node, g->node, g->n * sizeof *node);
	dmi_release_memory(&g->object.allocator, g->node, g->capacity * sizeof *node);
	g->node = node;
	g->capacity = capacity;
	return DM_OK;
}

dm_status dmi_grid_push(dm_grid *g, const dm_node *node, dm_error *err)
{
	dm_status st = g->n < g->capacity ? DM_OK : grow(g, 2 * g->capacity + 2, err);
	if (st == DM_OK)
		g->node[g->n++] = *node;
	return st;
}

dm_status dmi_grid_push_time(dm_grid *g, double t, dm_error *err)
{
	dm_node node;
	dm_status st = dm_schedule_at_time(g->schedule, t, &node, err);
	return st == DM_OK ? dmi_grid_push(g, &node, err) : st;
}

dm_status dmi_grid_push_level(dm_grid *g, double level, dm_error *err)
{
	dm_node node;
	dm_status st = dmi_schedule_at_level(g->schedule, level, &node, err);
	return st == DM_OK ? dmi_grid_push(g, &node, err) : st;
}

/* ------------------------------------------------------------------------------------------------------- objects */

static void finish(void *object)
{
	dm_grid *g = object;
	for (int32_t i = 0; i < g->n_edit; i++)
		dmi_options_free(&g->edit[i].options, &g->object.allocator);
	dmi_options_free(&g->options, &g->object.allocator);
	dmi_release_memory(&g->object.allocator, g->node, g->capacity * sizeof *g->node);
	dmi_object_release(g->schedule);
}

/* A grid with room for n nodes. */
static dm_status create(dm_grid **out, const dm_schedule *schedule, size_t n, const dm_allocator *allocator,
                        dm_error *err)
{
	dm_grid *g = dmi_object_new(sizeof *g, allocator, finish, err);
	if (!g)
		return DM_ERR_MEMORY;
	g->schedule = dmi_object_retain(schedule);
	dm_status st = grow(g, n, err);
	if (st == DM_OK)
		*out = g;
	else
		dmi_object_release(g);
	return st;
}

static dm_status check_arguments(dm_grid **out, const dm_schedule *schedule, const dm_allocator *allocator,
                                 dm_allocator *own, dm_error *err)
{
	if (!out)
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid: out is NULL");
	*out = NULL;
	if (!schedule)
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid: schedule is NULL");
	return dmi_allocator_copy(own, allocator, err);
}

static dm_status create_named(dm_grid **out, const dm_schedule *schedule, const struct dmi_grid_family *family,
                              struct dmi_options *options, const dm_allocator *allocator, dm_error *err)
{
	dm_grid *g;
	size_t steps = (size_t)options->value[DMI_GRID_STEPS], list = options->n_list;
	dm_status st = create(&g, schedule, (steps > list ? steps : list) + 1, allocator, err);
	if (st != DM_OK) {
		dmi_options_free(options, allocator);
		return st;
	}
	g->method = &family->method;
	g->options = *options;
	st = dmi_grid_fill_values(g, family, err);
	if (st == DM_OK)
		st = complete(g, err);
	if (st == DM_OK)
		*out = g;
	else
		dmi_object_release(g);
	return st;
}

/* The grid that a spec without edits makes. */
static dm_status create_plain(dm_grid **out, const dm_schedule *schedule, const char *spec,
                              const dm_allocator *allocator, dm_error *err)
{
	struct dmi_options options;
	const char *text;
	int32_t n;
	const struct dmi_method *const *all = dmi_grid_registry(&n);
	const struct dmi_method *m = dmi_method_find(all, n, "grid", spec, &text, err);
	if (!m)
		return spec ? DM_ERR_NAME : DM_ERR_ARGUMENT;
	dm_status st = dmi_options_parse(&options, "grid", m->info.name, m->option, m->info.n_option, text, allocator, err);
	if (st != DM_OK)
		return st;
	return create_named(out, schedule, (const struct dmi_grid_family *)(const void *)m, &options, allocator, err);
}

static dm_status edit(dm_grid *g, const char *spec, dm_error *err)
{
	const char *text;
	int32_t n;
	const struct dmi_method *const *all = dmi_grid_edit_registry(&n);
	const struct dmi_method *m = dmi_method_find(all, n, "grid edit", spec, &text, err);
	if (!m)
		return DM_ERR_NAME;
	if (g->n_edit == DMI_GRID_MAX_EDIT)
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid: more than %d edits", DMI_GRID_MAX_EDIT);
	struct dmi_grid_edit *e = &g->edit[g->n_edit];
	dm_status st = dmi_options_parse(&e->options, "grid edit", m->info.name, m->option, m->info.n_option, text,
	                                 &g->object.allocator, err);
	if (st != DM_OK)
		return st;
	e->method = m;
	g->n_edit++;
	st = ((const struct dmi_grid_edit_type *)(const void *)m)->apply(g, &e->options, err);
	for (size_t i = 0; i < g->n; i++)
		g->node[i].visit = (int64_t)i;
	return st;
}

dm_status dm_grid_create(dm_grid **out, const dm_schedule *schedule, const char *spec, const dm_allocator *allocator,
                         dm_error *err)
{
	dm_allocator own;
	dm_grid *g = NULL;
	dm_status st = check_arguments(out, schedule, allocator, &own, err);
	if (st != DM_OK)
		return st;
	if (!spec || !strchr(spec, '|'))
		return create_plain(out, schedule, spec, &own, err);
	size_t length = strlen(spec) + 1;
	char *copy = dmi_allocate(&own, length, 1, err), *part = copy;
	if (!copy)
		return DM_ERR_MEMORY;
	memcpy(copy, spec, length);
	for (char *end; st == DM_OK && part; part = end) {
		end = strchr(part, '|');
		if (end)
			*end++ = 0;
		st = g ? edit(g, part, err) : create_plain(&g, schedule, part, &own, err);
	}
	dmi_release_memory(&own, copy, length);
	if (st == DM_OK)
		*out = g;
	else
		dmi_object_release(g);
	return st;
}

/* A node of the caller's: lambda from alpha and sigma, t from lambda where it is not given. */
static dm_status take_node(dm_grid *g, const dm_node *in, dm_error *err)
{
	dm_node node = *in, on_process;
	int32_t i = (int32_t)g->n;
	if (!(node.alpha >= 0 && node.sigma >= 0 && node.alpha + node.sigma < INFINITY && node.alpha + node.sigma > 0))
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "grid \"nodes\": alpha = %g and sigma = %g of node %d must be finite and >= 0, not both 0",
		                node.alpha, node.sigma, i);
	if (fabs(node.time) == INFINITY || fabs(node.t) == INFINITY)
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"nodes\": t = %g and time = %g of node %d must not be infinite",
		                node.t, node.time, i);
	node.lambda = dmi_lambda_of(node.alpha, node.sigma);
	node.visit = i;
	if (node.t != node.t) {
		dm_status st = dmi_schedule_at_level(g->schedule, node.sigma / node.alpha, &on_process, err);
		if (st != DM_OK)
			return st;
		node.t = on_process.t;
	}
	return dmi_grid_push(g, &node, err);
}

static dm_status from_nodes(dm_grid **out, const dm_schedule *schedule, const dm_node *node, size_t n,
                            const dm_allocator *allocator, dm_status (*check)(const dm_grid *, dm_error *),
                            dm_error *err)
{
	dm_grid *g;
	dm_allocator own;
	dm_status st = check_arguments(out, schedule, allocator, &own, err);
	if (st != DM_OK)
		return st;
	if (!node)
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"nodes\": node is NULL");
	if (n < 2 || n > INT32_MAX)
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"nodes\": n = %z is outside [2, %d]", n, INT32_MAX);
	st = create(&g, schedule, n, &own, err);
	if (st != DM_OK)
		return st;
	for (size_t i = 0; st == DM_OK && i < n; i++)
		st = take_node(g, &node[i], err);
	if (st == DM_OK)
		st = check(g, err);
	if (st == DM_OK)
		*out = g;
	else
		dmi_object_release(g);
	return st;
}

static dm_status check_one_way(const dm_grid *g, dm_error *err)
{
	return check_order(g, falls(&g->node[g->n - 1], &g->node[0]), 1, g->n, err);
}

static dm_status check_moves(const dm_grid *g, dm_error *err)
{
	for (size_t i = 1; i < g->n; i++)
		if (same(&g->node[i - 1], &g->node[i]))
			return dmi_fail(err, DM_ERR_ARGUMENT,
			                "grid \"nodes\": sigma/alpha must change, but is %g at node %z and before",
			                g->node[i].sigma / g->node[i].alpha, i);
	return DM_OK;
}

dm_status dm_grid_create_nodes(dm_grid **out, const dm_schedule *schedule, const dm_node *node, size_t n,
                               const dm_allocator *allocator, dm_error *err)
{
	return from_nodes(out, schedule, node, n, allocator, check_one_way, err);
}

dm_status dm_grid_create_visits(dm_grid **out, const dm_schedule *schedule, const dm_node *node, size_t n,
                                const dm_allocator *allocator, dm_error *err)
{
	return from_nodes(out, schedule, node, n, allocator, check_moves, err);
}

void dm_grid_free(dm_grid *grid)
{
	dmi_object_release(grid);
}

size_t dm_grid_count(const dm_grid *grid)
{
	return grid ? grid->n : 0;
}

const dm_node *dm_grid_node(const dm_grid *grid, size_t i)
{
	return grid && i < grid->n ? &grid->node[i] : NULL;
}

void dmi_grid_print(const dm_grid *g, struct dmi_text *text)
{
	if (g->method)
		dmi_options_print(text, g->method->info.name, g->method->option, g->method->info.n_option, &g->options);
	else
		dmi_text_string(text, "nodes");
	for (int32_t i = 0; i < g->n_edit; i++) {
		const struct dmi_method *m = g->edit[i].method;
		dmi_text_string(text, "|");
		dmi_options_print(text, m->info.name, m->option, m->info.n_option, &g->edit[i].options);
	}
}
