/* Grids of trained few-step models and of the EDM study.
 *
 *     lcm                 table index k (O - floor(i O/N)) - 1, k = floor(T/original_steps), O = floor(original_steps
 *                         strength): every N-th part of the steps the model was distilled on   Luo et al. 2023
 *     consistency         the karras formula at r = q i/(train_steps - 1), q = floor(train_steps/N), or at the places
 *                         `at`, counted from the data                                          Song et al. 2023
 *     iddpm               u_M = 0, u_(j-1) = sqrt((u_j^2 + 1) / max(g(j-1)/g(j), C_1) - 1), g(j) = sin^2(pi/2 j/(M (1 +
 *                         C_2))); of those within the ends every (len-1)/(N-1)-th              Karras et al. 2022, table 1
 *     geometric_variance  levels max^2 (min^2/max^2)^r, variances taken for levels as KarrasVeScheduler does; an end that is
 *                         not given and lies beyond the process is the schedule's own end */
#include "base/compiler.h"
#include "schedule/grid.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>

enum { ORIGINAL_STEPS = DMI_GRID_OWN, STRENGTH };
enum { RHO = DMI_GRID_LEVEL_OWN, TRAIN_STEPS };
enum { C_1 = DMI_GRID_LEVEL_OWN, C_2, M };

static dm_status fill_lcm(dm_grid *g, dm_error *err)
{
	const double *option = g->options.value;
	size_t n = dmi_grid_steps(g), t = g->schedule->n_table, original = (size_t)option[ORIGINAL_STEPS];
	/* a product that is whole up to rounding is whole */
	size_t left = (size_t)(option[ORIGINAL_STEPS] * option[STRENGTH] + 1e-9);
	dm_status st = dmi_grid_needs_table(g, err);
	if (st == DM_OK && original > t)
		st = dmi_fail(err, DM_ERR_ARGUMENT, "grid \"lcm\": original_steps = %z, but the table has %z entries", original,
		              t);
	if (st == DM_OK && n > original)
		st = dmi_fail(err, DM_ERR_ARGUMENT, "grid \"lcm\": steps = %z is outside [1, %z], the original_steps", n,
		              original);
	if (st == DM_OK && n > left)
		st = dmi_fail(err, DM_ERR_ARGUMENT,
		              "grid \"lcm\": strength = %g leaves %z of original_steps = %z, too few for steps = %z: strength "
		              "must lie in [%g, 1]",
		              option[STRENGTH], left, original, n, (double)n / option[ORIGINAL_STEPS]);
	for (size_t i = 0; st == DM_OK && i < n; i++)
		st = dmi_grid_push_time(g, (double)(t / original * (left - i * left / n) - 1), err);
	return st;
}

static dm_status push_place(dm_grid *g, const dm_node end[2], double place, dm_error *err)
{
	const double *option = g->options.value;
	double r = place / (option[TRAIN_STEPS] - 1), max = end[0].sigma / end[0].alpha, min = end[1].sigma / end[1].alpha;
	if (r <= 0 || r >= 1)
		return dmi_grid_push(g, &end[r > 0], err);
	return dmi_grid_push_level(g, dmi_level_karras(max, min, r, option[RHO]), err);
}

static dm_status check_places(const dm_grid *g, dm_error *err)
{
	const struct dmi_options *o = &g->options;
	double train = o->value[TRAIN_STEPS];
	if ((o->given & (1u << DMI_GRID_STEPS) || !o->n_list) && dmi_grid_steps(g) > (size_t)train)
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"consistency\": steps = %z is above train_steps = %g",
		                dmi_grid_steps(g), train);
	for (size_t i = 0; i < o->n_list; i++)
		if (o->list[i] != floor(o->list[i]) || o->list[i] > train - 1 || (i && !(o->list[i] < o->list[i - 1])))
			return dmi_fail(err, DM_ERR_ARGUMENT,
			                "grid \"consistency\": at = %g; places are whole, fall, and lie in [0, %g]", o->list[i],
			                train - 1);
	return o->n_list ? dmi_grid_check_count(g, o->n_list, "places", err) : DM_OK;
}

static dm_status fill_consistency(dm_grid *g, dm_error *err)
{
	const struct dmi_options *o = &g->options;
	size_t n = o->n_list ? o->n_list : dmi_grid_steps(g), stride = (size_t)o->value[TRAIN_STEPS] / n;
	dm_node end[2];
	dm_status st = check_places(g, err);
	if (st == DM_OK)
		st = dmi_grid_ends(g, end, err);
	for (size_t i = 0; st == DM_OK && i < n; i++)
		st = push_place(g, end, o->n_list ? o->list[n - 1 - i] : (double)(stride * i), err);
	return st;
}

/* u_0 > u_1 > ... > u_M = 0 */
static void iddpm_levels(const double *option, double *u)
{
	const double half_pi = 1.5707963267948966;
	size_t m = (size_t)option[M];
	u[m] = 0;
	for (size_t j = m; j > 0; j--) {
		double scale = half_pi / ((double)m * (1 + option[C_2]));
		double lower = dmi_sin(scale * (double)(j - 1)), upper = dmi_sin(scale * (double)j);
		double kept = fmax(lower * lower / (upper * upper), option[C_1]);
		u[j - 1] = sqrt(fmax((u[j] * u[j] + 1) / kept - 1, 0));
	}
}

static dm_status push_iddpm(dm_grid *g, const double *u, const dm_node end[2], dm_error *err)
{
	const double max = end[0].sigma / end[0].alpha, min = end[1].sigma / end[1].alpha;
	size_t m = (size_t)g->options.value[M], first = 0, n = dmi_grid_steps(g), length;
	while (first <= m && u[first] > max)
		first++;
	for (length = 0; first + length <= m && u[first + length] >= min; length++)
		;
	if (length < n)
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"iddpm\": %z steps, but %z of its levels lie in [%g, %g]", n,
		                length, min, max);
	dm_status st = DM_OK;
	for (size_t i = 0; st == DM_OK && i < n; i++)
		st = dmi_grid_push_level(g, u[first + (size_t)rint(dmi_even(0, (double)length - 1, i, n))], err);
	return st;
}

static dm_status fill_iddpm(dm_grid *g, dm_error *err)
{
	const dm_allocator *memory = &g->object.allocator;
	size_t m = (size_t)g->options.value[M];
	dm_node end[2];
	dm_status st = dmi_grid_ends(g, end, err);
	if (st != DM_OK)
		return st;
	double *u = dmi_allocate(memory, m + 1, sizeof *u, err);
	if (!u)
		return DM_ERR_MEMORY;
	iddpm_levels(g->options.value, u);
	st = push_iddpm(g, u, end, err);
	dmi_release_memory(memory, u, (m + 1) * sizeof *u);
	return st;
}

/* The square of the level of an end; of the schedule's own end only as far as the process goes. */
static dm_status square_end(const dm_grid *g, int option, const dm_node *end, double *level, dm_error *err)
{
	static const char *const names[] = {"sigma_max", "sigma_min"};
	double given = g->options.value[option], own = end->sigma / end->alpha;
	dm_node unused;
	*level = own * own;
	if (dmi_schedule_at_level(g->schedule, *level, &unused, err) == DM_OK)
		return DM_OK;
	if (given > 0)
		return dmi_fail(
		    err, DM_ERR_ARGUMENT,
		    "grid \"geometric_variance\": %s = %g stands for the level %g, which the schedule does not reach",
		    names[option - DMI_GRID_SIGMA_MAX], given, *level);
	*level = own;
	return DM_OK;
}

static dm_status fill_geometric_variance(dm_grid *g, dm_error *err)
{
	size_t n = dmi_grid_steps(g);
	dm_node end[2];
	double max = 1, min = 1;
	dm_status st = dmi_grid_ends(g, end, err);
	if (st == DM_OK)
		st = square_end(g, DMI_GRID_SIGMA_MAX, &end[0], &max, err);
	if (st == DM_OK)
		st = square_end(g, DMI_GRID_SIGMA_MIN, &end[1], &min, err);
	for (size_t i = 0; st == DM_OK && i < n; i++)
		st = dmi_grid_push_level(g, dmi_level_exponential(max, min, n > 1 ? (double)i / (double)(n - 1) : 0), err);
	return st;
}

static const dm_option lcm_options[] = {
    DMI_GRID_OPTIONS,
    DMI_INTEGER("original_steps", "steps that the model was distilled on", 50, 1, 1e6),
    DMI_REAL("strength", "fraction of them from the data on", 1, 0, 1),
};
static const dm_option consistency_options[] = {
    DMI_GRID_OPTIONS,
    DMI_GRID_SIGMAS,
    DMI_REAL("rho", "exponent of the karras formula", 7, 0.01, 1000),
    DMI_INTEGER("train_steps", "levels that the model was trained on", 40, 2, 1e6),
    DMI_LIST("at", "places among them, falling, 0 for the most noise", 0, 1e6),
};
static const dm_option iddpm_options[] = {
    DMI_GRID_OPTIONS,
    DMI_GRID_SIGMAS,
    DMI_REAL("C_1", "least part of alpha-bar that a step keeps", 0.001, 1e-9, 0.9),
    DMI_REAL("C_2", "offset that keeps the first levels from vanishing", 0.008, 0, 1),
    DMI_INTEGER("M", "levels of the original table", 1000, 2, 1e6),
};
static const dm_option geometric_options[] = {DMI_GRID_OPTIONS, DMI_GRID_SIGMAS};

const struct dmi_grid_family dmi_grid_lcm = {
    DMI_METHOD_KNOWN("lcm", "even among the steps a model was distilled on", "Luo et al. 2023 (LCM)", lcm_options,
                     "diffusers: LCMScheduler; ComfyUI: SDTurboScheduler; stable-diffusion.cpp: lcm"),
    fill_lcm,
};
const struct dmi_grid_family dmi_grid_consistency = {
    DMI_METHOD_KNOWN("consistency", "karras levels at places of the training grid",
                     "Song et al. 2023 (consistency models)", consistency_options,
                     "diffusers: CMStochasticIterativeScheduler"),
    fill_consistency,
};
const struct dmi_grid_family dmi_grid_iddpm = {
    DMI_METHOD("iddpm", "levels of the cosine table of iDDPM", "Karras et al. 2022, table 1", iddpm_options),
    fill_iddpm,
};
const struct dmi_grid_family dmi_grid_geometric_variance = {
    DMI_METHOD_KNOWN("geometric_variance", "exponential in sigma^2, which stands for the level",
                     "diffusers, KarrasVeScheduler", geometric_options, "diffusers: KarrasVeScheduler"),
    fill_geometric_variance,
};
