/* Noise levels in the convention of a case, and the grid of a case as an object of the library. */
#ifndef LEVELS_H
#define LEVELS_H

#include "check.h"
#include "demist.h"

/* The level of a node as the case counts it: s in space `flow`, else sigma/alpha. */
double level_of_node(const struct test_case *c, const dm_node *node);

/* The node at a level; time NaN. */
dm_node node_at_level(const struct test_case *c, double level);

/* The number the state of the library is multiplied by to be the state of the case (section 3.1): 1, or 1/alpha where
 * the case counts in `ve` over a process of other scale. */
double state_scale(const struct test_case *c, const dm_node *node);

/* How many grids the case falls into: one, or, where a step does not start at the level at which the one before ended
 * (ddim_inverse over indices that are not one stride apart), one for every step. */
size_t grid_pieces(const struct test_case *c);

/* The grid of a piece: the library's own where it has that name, checked against the arrays of the case; else from the
 * arrays. */
int build_grid(const struct test_case *c, const dm_schedule *schedule, const dm_model *model, size_t piece,
               struct check *check, dm_grid **out);

/* Compares the nodes with arrays of times and levels (either may be NULL). model NULL: times of the process. */
int check_grid(const struct test_case *c, const dm_schedule *schedule, const dm_grid *grid, const dm_model *model,
               struct check *check, struct case_array *time, struct case_array *level);

#endif
