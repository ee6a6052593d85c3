/* Inside of a grid. A family is one const struct dmi_grid_family (a file holds one or a few close relatives), and one
 * line of the registry in grid.c. */
#ifndef DMI_GRID_H
#define DMI_GRID_H

#include "schedule/schedule.h"
#include "demist/grid.h"

enum { DMI_GRID_MAX_EDIT = 8 };

/* While a family fills a grid it reads schedule and options, and pushes nodes from noise to data. */
struct dm_grid {
	struct dmi_object object;
	dm_schedule *schedule;           /* retained */
	const struct dmi_method *method; /* NULL: nodes of the caller's own */
	struct dmi_options options;      /* owned: they print as the spec */
	dm_node *node;
	size_t n, capacity;
	size_t one_more; /* 1: the last of steps + 1 values is the final node */
	int32_t n_edit;  /* what was done to the nodes, in this order */
	struct dmi_grid_edit {
		const struct dmi_method *method;
		struct dmi_options options;
	} edit[DMI_GRID_MAX_EDIT];
};

struct dmi_grid_family {
	struct dmi_method method;
	dm_status (*fill)(dm_grid *grid, dm_error *err); /* grid.c adds the final node, checks and turns */
};

/* An edit that stands in a spec behind the grid: "trailing:steps=50|repaint:length=10". */
struct dmi_grid_edit_type {
	struct dmi_method method;
	dm_status (*apply)(dm_grid *grid, const struct dmi_options *options, dm_error *err);
};

const struct dmi_method *const *dmi_grid_registry(int32_t *n);
const struct dmi_method *const *dmi_grid_edit_registry(int32_t *n);

/* A spec that makes the same grid again; "nodes" for nodes of the caller's own. */
void dmi_grid_print(const dm_grid *grid, struct dmi_text *text);

/* For grid.c: the values of a family, one more where final=last or denoise needs it, and the node behind them. */
dm_status dmi_grid_fill_values(dm_grid *grid, const struct dmi_grid_family *family, dm_error *err);
dm_status dmi_grid_add_final(dm_grid *grid, dm_error *err);

/* ------------------------------------------------------------------------------------- for the files of families */

/* The rows that every grid's table of options begins with, and their places in it. */
enum { DMI_GRID_STEPS, DMI_GRID_FINAL, DMI_GRID_DIRECTION, DMI_GRID_OWN };
enum { DMI_FINAL_ZERO, DMI_FINAL_LAST, DMI_FINAL_REPEAT, DMI_FINAL_INCLUDED, DMI_FINAL_DENOISE };
extern const char *const dmi_grid_finals[6], *const dmi_grid_directions[3];

#define DMI_GRID_ROWS(steps_help, steps, final)                                                                        \
	DMI_INTEGER("steps", steps_help, steps, 1, 1e6),                                                                   \
	    DMI_CHOICE("final",                                                                                            \
	               "node after the last value: clean, the schedule's least noise, the last value again, none; "        \
	               "denoise: last, and one more step from there to clean",                                             \
	               final, dmi_grid_finals),                                                                            \
	    DMI_CHOICE("direction", "from noise down to data, or the same nodes up", 0, dmi_grid_directions)
#define DMI_GRID_OPTIONS DMI_GRID_ROWS("number of steps", 20, DMI_FINAL_ZERO)

/* Grids of `steps` + `extra` evenly spaced points: with extra = 1 the last point belongs to the final node, so it is
 * kept with final=included, and dropped otherwise. */
#define DMI_GRID_EXTRA(value)                                                                                          \
	DMI_INTEGER("extra", "1: space one more point, and drop the last one (final=included keeps it)", value, 0, 1)
int dmi_grid_keeps_last(const dm_grid *grid);

/* Rows of grids over sigma/alpha, after the common ones. */
enum { DMI_GRID_SIGMA_MAX = DMI_GRID_OWN, DMI_GRID_SIGMA_MIN, DMI_GRID_LEVEL_OWN };
#define DMI_GRID_SIGMAS                                                                                                \
	DMI_REAL("sigma_max", "sigma/alpha of the first value; 0: the schedule's noise end", 0, 0, 1e30),                  \
	    DMI_REAL("sigma_min", "sigma/alpha of the last value; 0: the schedule's end of least noise", 0, 0, 1e30)

/* Append a node: as it is, at a process time, at a level sigma/alpha. */
dm_status dmi_grid_push(dm_grid *grid, const dm_node *node, dm_error *err);
dm_status dmi_grid_push_time(dm_grid *grid, double t, dm_error *err);
dm_status dmi_grid_push_level(dm_grid *grid, double level, dm_error *err);

/* How many values to push: the option steps, or one more, of which the last is the final node. */
size_t dmi_grid_steps(const dm_grid *grid);
/* Lists of a length of their own: the option steps must be left out or equal to it. what: "values". */
dm_status dmi_grid_check_count(const dm_grid *grid, size_t count, const char *what, dm_error *err);
int dmi_grid_final_is(const dm_grid *grid, int final);
/* For messages: a level to 12 digits, so that one which went through lambda and back reads as it was given. */
double dmi_grid_legible(double level);

/* Refuses a schedule without a table. */
dm_status dmi_grid_needs_table(const dm_grid *grid, dm_error *err);

/* What the published grids of flow models count in: s = sigma / (alpha + sigma) on the flow process, elsewhere
 * sigma/alpha. push_s takes s on any process. */
int dmi_grid_is_flow(const dm_grid *grid);
double dmi_grid_measure(const dm_grid *grid, const dm_node *node);
dm_status dmi_grid_push_measure(dm_grid *grid, double value, dm_error *err);
dm_status dmi_grid_push_s(dm_grid *grid, double s, dm_error *err);

/* m s / (1 + (m - 1) s), the time shift of flow models. */
double dmi_flow_shift(double m, double s);

/* The nodes at sigma_max and sigma_min of DMI_GRID_SIGMAS; an error where they are not finite levels that fall. */
dm_status dmi_grid_ends(const dm_grid *grid, dm_node end[2], dm_error *err);

/* Formulas of level grids over the ramp r in [0, 1]. */
double dmi_level_karras(double max, double min, double r, double rho);
double dmi_level_exponential(double max, double min, double r);

/* Grids laid over a table of levels: that of the schedule, or, where time is continuous, T places made like the tables
 * that such models are published with: t_j a fraction u = (j + 1)/T of the way, shifted; for ve and edm even in the
 * logarithm from end to end. The first three rows of their own options. */
enum { DMI_GRID_T = DMI_GRID_OWN, DMI_GRID_SHIFT, DMI_GRID_BELOW_ONE, DMI_GRID_TABLE_OWN };
#define DMI_GRID_TABLE_ROWS                                                                                            \
	DMI_GRID_OPTIONS, DMI_INTEGER("T", "places that a continuous process is divided into", 1000, 2, 1e6),              \
	    DMI_REAL("shift", "shift of flow models, u <- m u / (1 + (m - 1) u)", 1, 1e-3, 1e3),                           \
	    DMI_REAL("first_below_one",                                                                                    \
	             "a first node of pure noise is replaced by the one at u = 1 less this, where lambda is finite", 0, 0, \
	             0.5)
dm_status dmi_grid_table_check(const dm_grid *grid, dm_error *err);
/* The same for grids of whole indices, which have no more steps than the table has entries. */
dm_status dmi_grid_table_check_indices(const dm_grid *grid, dm_error *err);
size_t dmi_grid_table_size(const dm_grid *grid);
dm_status dmi_grid_table_node(const dm_grid *grid, double j, dm_node *out, dm_error *err);
dm_status dmi_grid_table_push(dm_grid *grid, double j, dm_error *err);
/* A node at u of a continuous process. */
dm_status dmi_grid_table_push_u(dm_grid *grid, double u, dm_error *err);
/* Called last: first_below_one. */
dm_status dmi_grid_table_finish(dm_grid *grid, dm_error *err);

/* Pushes `keep` of n levels formula(max, min, r, options) from sigma_max to sigma_min, r = i/(n-1), 0 for n = 1. The
 * ends are taken exactly. */
typedef double dmi_ramp(double max, double min, double r, const double *option);
dm_status dmi_grid_push_ramp(dm_grid *grid, size_t n, size_t keep, dmi_ramp *formula, dm_error *err);

#endif
