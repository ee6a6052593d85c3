/* Inside of a grid. A family is one const struct dmi_grid_family (a file holds one or a few close relatives), and one
 * line of the registry in grid.c. */
#ifndef DMI_GRID_H
#define DMI_GRID_H

#include "schedule/schedule.h"
#include "demist/grid.h"

/* While a family fills a grid it reads schedule and options, and pushes nodes from noise to data. */
struct dm_grid {
	struct dmi_object object;
	dm_schedule *schedule;           /* retained */
	const struct dmi_method *method; /* NULL: nodes of the caller's own */
	struct dmi_options options;      /* owned: they print as the spec */
	dm_node *node;
	size_t n, capacity;
};

struct dmi_grid_family {
	struct dmi_method method;
	dm_status (*fill)(dm_grid *grid, dm_error *err); /* grid.c adds the final node, checks and turns */
};

const struct dmi_method *const *dmi_grid_registry(int32_t *n);

/* A spec that makes the same grid again; "nodes" for nodes of the caller's own. */
void dmi_grid_print(const dm_grid *grid, struct dmi_text *text);

/* ------------------------------------------------------------------------------------- for the files of families */

/* The rows that every grid's table of options begins with, and their places in it. */
enum { DMI_GRID_STEPS, DMI_GRID_FINAL, DMI_GRID_DIRECTION, DMI_GRID_OWN };
enum { DMI_FINAL_ZERO, DMI_FINAL_LAST, DMI_FINAL_REPEAT, DMI_FINAL_INCLUDED };
extern const char *const dmi_grid_finals[5], *const dmi_grid_directions[3];

#define DMI_GRID_ROWS(steps_help, steps, final)                                                                        \
	DMI_INTEGER("steps", steps_help, steps, 1, 1e6),                                                                   \
	    DMI_CHOICE("final",                                                                                            \
	               "node after the last value: clean, the schedule's least noise, the last value again, none", final,  \
	               dmi_grid_finals),                                                                                   \
	    DMI_CHOICE("direction", "from noise down to data, or the same nodes up", 0, dmi_grid_directions)
#define DMI_GRID_OPTIONS DMI_GRID_ROWS("number of steps", 20, DMI_FINAL_ZERO)

/* Grids of `steps` + `extra` evenly spaced points: with extra = 1 the last point belongs to the final node, so it is
 * kept with final=included and dropped otherwise. */
#define DMI_GRID_EXTRA(value)                                                                                          \
	DMI_INTEGER("extra", "1: space one more point, and drop the last one (final=included keeps it)", value, 0, 1)

/* Rows of grids over sigma/alpha, after the common ones. */
enum { DMI_GRID_SIGMA_MAX = DMI_GRID_OWN, DMI_GRID_SIGMA_MIN, DMI_GRID_LEVEL_OWN };
#define DMI_GRID_SIGMAS                                                                                                \
	DMI_REAL("sigma_max", "sigma/alpha of the first value; 0: the schedule's noise end", 0, 0, 1e30),                  \
	    DMI_REAL("sigma_min", "sigma/alpha of the last value; 0: the schedule's end of least noise", 0, 0, 1e30)

/* Append a node: as it is, at a process time, at a level sigma/alpha. */
dm_status dmi_grid_push(dm_grid *grid, const dm_node *node, dm_error *err);
dm_status dmi_grid_push_time(dm_grid *grid, double t, dm_error *err);
dm_status dmi_grid_push_level(dm_grid *grid, double level, dm_error *err);

size_t dmi_grid_steps(const dm_grid *grid);
int dmi_grid_final_is(const dm_grid *grid, int final);

/* Pushes `keep` of n levels formula(max, min, r, options) from sigma_max to sigma_min, r = i/(n-1), 0 for n = 1. The
 * ends are taken exactly. */
typedef double dmi_ramp(double max, double min, double r, const double *option);
dm_status dmi_grid_push_ramp(dm_grid *grid, size_t n, size_t keep, dmi_ramp *formula, dm_error *err);

#endif
