/* The time maps. level = sigma / alpha; t in the schedule's own unit (schedule.h). */
#include "base/compiler.h"
#include "model/time.h"
#include "base/error.h"
#include "base/math.h"
#include "schedule/schedule.h"
#include <math.h>

static const double two_over_pi = 0.6366197723675814;

/* What a map may look at. last: the last index of the table; kept: the entries under a continuous time. */
struct query {
	const dm_node *node;
	double last, kept, n, sigma_data;
};

enum { ANY, NEEDS_TABLE, NEEDS_KEPT, NEEDS_UNIT /* a time between 0 and 1 */ };

struct time_map {
	struct dmi_method method;
	int32_t needs;
	double (*at)(const struct query *q);
};

static double map_t(const struct query *q)
{
	return q->node->t;
}

static double map_index(const struct query *q)
{
	return fmin(fmax(q->node->t, 0), q->last);
}

static double map_index_round(const struct query *q)
{
	return rint(map_index(q));
}

/* Values that are whole up to rounding stay what they are. */
static double map_index_trunc(const struct query *q)
{
	return floor(map_index(q) + 1e-9);
}

static double map_index_round_visits(const struct query *q)
{
	return q->node->visit < 0 ? map_index(q) : map_index_round(q);
}

static double map_index_trunc_visits(const struct query *q)
{
	return q->node->visit < 0 ? map_index(q) : map_index_trunc(q);
}

static double map_index_1000(const struct query *q)
{
	return map_index(q) * (1000 / (q->last + 1));
}

static double map_sigma(const struct query *q)
{
	return q->node->sigma / q->node->alpha;
}

static double map_quarter_log_sigma(const struct query *q)
{
	return -0.25 * q->node->lambda;
}

static double map_250_log_sigma(const struct query *q)
{
	return 250 * dmi_log(map_sigma(q) + 1e-44);
}

static double map_atan_sigma(const struct query *q)
{
	return two_over_pi * dmi_atan(map_sigma(q));
}

static double map_1000t(const struct query *q)
{
	return 1000 * q->node->t;
}

static double map_1000t_trunc(const struct query *q)
{
	return floor(map_1000t(q) + 1e-9);
}

static double map_one_minus_t(const struct query *q)
{
	return 1 - q->node->t;
}

static double map_last_index(const struct query *q)
{
	return q->node->t * (q->n - 1);
}

static double map_reversed_index(const struct query *q)
{
	return rint((1 - q->node->t) * (q->n - 1));
}

static double map_t_minus_first(const struct query *q)
{
	return 1000 * (q->node->t - 1 / q->kept);
}

static double map_angle(const struct query *q)
{
	return dmi_atan2(q->node->sigma / q->sigma_data, q->node->alpha);
}

static double map_angle_unit(const struct query *q)
{
	return two_over_pi * dmi_atan2(q->node->sigma, q->node->alpha);
}

static const struct time_map maps[] = {
    {DMI_METHOD_PLAIN("t", "the process time itself", "Song 2021"), ANY, map_t},
    {DMI_METHOD_PLAIN("index", "table index 0..T-1, with its fraction", "Ho 2020"), NEEDS_TABLE, map_index},
    {DMI_METHOD_PLAIN("index_round", "table index, rounded half to even", "Ho 2020"), NEEDS_TABLE, map_index_round},
    {DMI_METHOD_PLAIN("index_trunc", "table index, truncated", "Ho 2020"), NEEDS_TABLE, map_index_trunc},
    {DMI_METHOD_PLAIN("sigma", "sigma / alpha", "Karras 2022"), ANY, map_sigma},
    {DMI_METHOD_PLAIN("quarter_log_sigma", "ln(sigma / alpha) / 4", "Karras 2022, table 1"), ANY,
     map_quarter_log_sigma},
    {DMI_METHOD_PLAIN("1000t", "1000 t", "Esser 2024"), NEEDS_UNIT, map_1000t},
    {DMI_METHOD_PLAIN("1000t_trunc", "1000 t, truncated", "Esser 2024"), NEEDS_UNIT, map_1000t_trunc},
    {DMI_METHOD_PLAIN("one_minus_t", "1 - t", "Lipman 2022"), NEEDS_UNIT, map_one_minus_t},
    {DMI_METHOD_PLAIN("index_round_visits", "index_round at the nodes of the grid, index between them", "diffusers"),
     NEEDS_TABLE, map_index_round_visits},
    {DMI_METHOD_PLAIN("index_trunc_visits", "index_trunc at the nodes of the grid, index between them", "diffusers"),
     NEEDS_TABLE, map_index_trunc_visits},
    {DMI_METHOD_PLAIN("index_1000", "table index times 1000 / T", "Dhariwal 2021 (rescale_timesteps)"), NEEDS_TABLE,
     map_index_1000},
    {DMI_METHOD_PLAIN("last_index", "t (N - 1), N the option time_n", "Song 2021 (999 t)"), NEEDS_UNIT, map_last_index},
    {DMI_METHOD_PLAIN("reversed_index", "(1 - t)(N - 1) rounded, N the option time_n", "Lipman 2022"), NEEDS_UNIT,
     map_reversed_index},
    {DMI_METHOD_PLAIN("t_minus_first", "1000 (t - 1/K), K the entries of the table under t", "Lu 2022 (DPM-Solver)"),
     NEEDS_KEPT, map_t_minus_first},
    {DMI_METHOD_PLAIN("250_log_sigma", "250 ln(sigma / alpha)", "Song 2023"), ANY, map_250_log_sigma},
    {DMI_METHOD_PLAIN("atan_sigma", "(2/pi) atan(sigma / alpha)", "Crowson 2022"), ANY, map_atan_sigma},
    {DMI_METHOD_PLAIN("angle", "atan2(sigma / sigma_data, alpha), the time of trigflow", "Lu and Song 2024"), ANY,
     map_angle},
    {DMI_METHOD_PLAIN("angle_unit", "(2/pi) atan2(sigma, alpha)", "Liu 2022 (iPNDM)"), ANY, map_angle_unit},
};

const char *const dmi_time_words[DMI_N_TIME + 1] = {
    "auto",
    "t",
    "index",
    "index_round",
    "index_trunc",
    "sigma",
    "quarter_log_sigma",
    "1000t",
    "1000t_trunc",
    "one_minus_t",
    "index_round_visits",
    "index_trunc_visits",
    "index_1000",
    "last_index",
    "reversed_index",
    "t_minus_first",
    "250_log_sigma",
    "atan_sigma",
    "angle",
    "angle_unit",
    NULL,
};

_Static_assert(sizeof maps / sizeof *maps == DMI_N_TIME - 1, "one word for every map, and auto");

const struct dmi_method *const *dmi_time_registry(int32_t *n)
{
	static const struct dmi_method *const registry[] = {
	    &maps[0].method,  &maps[1].method,  &maps[2].method,  &maps[3].method,  &maps[4].method,
	    &maps[5].method,  &maps[6].method,  &maps[7].method,  &maps[8].method,  &maps[9].method,
	    &maps[10].method, &maps[11].method, &maps[12].method, &maps[13].method, &maps[14].method,
	    &maps[15].method, &maps[16].method, &maps[17].method, &maps[18].method,
	};
	_Static_assert(sizeof registry / sizeof *registry == DMI_N_TIME - 1, "every map has its line");
	*n = DMI_N_TIME - 1;
	return registry;
}

static dm_status check_schedule(const struct time_map *map, const dm_schedule *s, dm_error *err)
{
	if (map->needs == NEEDS_TABLE && !s->n_table)
		return dmi_fail(err, DM_ERR_UNSUPPORTED,
		                "model: time \"%s\" needs a schedule with a table; this one is continuous",
		                map->method.info.name);
	if (map->needs == NEEDS_KEPT && !s->n_kept)
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "model: time \"%s\" needs a table with continuous=1",
		                map->method.info.name);
	if (map->needs == NEEDS_UNIT && !(s->t_zero >= 0 && s->t_noise <= 1))
		return dmi_fail(err, DM_ERR_UNSUPPORTED,
		                "model: time \"%s\" needs a process whose time lies in [0, 1]; that of \"%s\" in [%g, %g]",
		                map->method.info.name, dmi_schedule_name(s), s->t_zero, s->t_noise);
	return DM_OK;
}

dm_status dmi_time_at(int32_t word, const struct dmi_time_numbers *numbers, const dm_schedule *s, const dm_node *at,
                      double *time, dm_error *err)
{
	if (word == 0)
		word = s->n_table ? 2 : 1;
	const struct time_map *map = &maps[word - 1];
	const struct query query = {at, (double)s->n_table - 1, (double)s->n_kept, numbers->n, numbers->sigma_data};
	dm_status st = check_schedule(map, s, err);
	if (st != DM_OK)
		return st;
	*time = map->at(&query);
	if (!dmi_is_finite(*time))
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "model: time \"%s\" is %g at the node with sigma = %g, alpha = %g",
		                map->method.info.name, *time, at->sigma, at->alpha);
	return DM_OK;
}
