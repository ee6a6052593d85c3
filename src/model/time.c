/* The time maps. level = sigma / alpha; t in the schedule's own unit (schedule.h). */
#include "base/compiler.h"
#include "model/time.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>

struct time_map {
	struct dmi_method method;
	int32_t needs_table;
	double (*at)(const dm_node *node, double last_index);
};

static double map_t(const dm_node *node, double last)
{
	(void)last;
	return node->t;
}

static double map_index(const dm_node *node, double last)
{
	return fmin(fmax(node->t, 0), last);
}

static double map_index_round(const dm_node *node, double last)
{
	return rint(map_index(node, last));
}

/* Values that are whole up to rounding stay what they are. */
static double map_index_trunc(const dm_node *node, double last)
{
	return floor(map_index(node, last) + 1e-9);
}

static double map_sigma(const dm_node *node, double last)
{
	(void)last;
	return node->sigma / node->alpha;
}

static double map_quarter_log_sigma(const dm_node *node, double last)
{
	(void)last;
	return -0.25 * node->lambda;
}

static double map_1000t(const dm_node *node, double last)
{
	(void)last;
	return 1000 * node->t;
}

static double map_1000t_trunc(const dm_node *node, double last)
{
	return floor(map_1000t(node, last) + 1e-9);
}

static double map_one_minus_t(const dm_node *node, double last)
{
	(void)last;
	return 1 - node->t;
}

static const struct time_map maps[] = {
    {DMI_METHOD_PLAIN("t", "the process time itself", "Song 2021"), 0, map_t},
    {DMI_METHOD_PLAIN("index", "table index 0..T-1, with its fraction", "Ho 2020"), 1, map_index},
    {DMI_METHOD_PLAIN("index_round", "table index, rounded half to even", "Ho 2020"), 1, map_index_round},
    {DMI_METHOD_PLAIN("index_trunc", "table index, truncated", "Ho 2020"), 1, map_index_trunc},
    {DMI_METHOD_PLAIN("sigma", "sigma / alpha", "Karras 2022"), 0, map_sigma},
    {DMI_METHOD_PLAIN("quarter_log_sigma", "ln(sigma / alpha) / 4", "Karras 2022, table 1"), 0, map_quarter_log_sigma},
    {DMI_METHOD_PLAIN("1000t", "1000 t", "Esser 2024"), 0, map_1000t},
    {DMI_METHOD_PLAIN("1000t_trunc", "1000 t, truncated", "Esser 2024"), 0, map_1000t_trunc},
    {DMI_METHOD_PLAIN("one_minus_t", "1 - t", "Lipman 2022"), 0, map_one_minus_t},
};

const char *const dmi_time_words[DMI_N_TIME + 1] = {
    "auto",  "t",           "index",       "index_round", "index_trunc", "sigma", "quarter_log_sigma",
    "1000t", "1000t_trunc", "one_minus_t", NULL,
};

_Static_assert(sizeof maps / sizeof *maps == DMI_N_TIME - 1, "one word for every map, and auto");

const struct dmi_method *const *dmi_time_registry(int32_t *n)
{
	static const struct dmi_method *const registry[] = {
	    &maps[0].method, &maps[1].method, &maps[2].method, &maps[3].method, &maps[4].method,
	    &maps[5].method, &maps[6].method, &maps[7].method, &maps[8].method,
	};
	*n = DMI_N_TIME - 1;
	return registry;
}

dm_status dmi_time_at(int32_t word, const dm_schedule *schedule, const dm_node *at, double *time, dm_error *err)
{
	size_t table = dm_schedule_table_size(schedule);
	if (word == 0)
		word = table ? 2 : 1;
	const struct time_map *map = &maps[word - 1];
	if (map->needs_table && !table)
		return dmi_fail(err, DM_ERR_UNSUPPORTED,
		                "model: time \"%s\" needs a schedule with a table; this one is continuous",
		                map->method.info.name);
	*time = map->at(at, (double)table - 1);
	if (!dmi_is_finite(*time))
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "model: time \"%s\" is %g at the node with sigma = %g, alpha = %g",
		                map->method.info.name, *time, at->sigma, at->alpha);
	return DM_OK;
}
