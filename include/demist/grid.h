/* demist/grid.h: the nodes that a run visits, in order.
 *
 * A grid of N steps has N + 1 nodes: N from which the model is asked, and the final one. It normally goes down in
 * noise; a grid that goes up (direction=up) encodes a sample into noise.
 *
 * Options that every named grid has: steps (N); final = zero (alpha 1, sigma 0), or last (the least noise of the
 * schedule: table index 0, or the end of a continuous process), or repeat (the last node again: the last step does not
 * move), or included (the grid's own last value is the final node: N nodes, N - 1 steps); direction = down, up. */
#ifndef DEMIST_GRID_H
#define DEMIST_GRID_H

#include "schedule.h"

typedef struct dm_grid dm_grid;

/* By name: "trailing:steps=20", "leading", "linspace", "karras:steps=15,rho=7", "exponential", "log_snr",
 * "flow:shift=3", "times:at=999/500/20" (process times), "levels:at=14.6/2.5/0.3" (sigma/alpha). */
DM_API dm_status dm_grid_create(dm_grid **out, const dm_schedule *schedule, const char *spec,
                                const dm_allocator *allocator, dm_error *err);

/* Node by node, for those who need full control: n >= 2 nodes, the last one is the final level. alpha, sigma and time
 * are taken as they are (time NaN: the model's map decides); t is filled in from lambda where it is NaN; lambda and
 * visit are ignored. The noise must fall (or stay) from node to node, or
 * rise (or stay). */
DM_API dm_status dm_grid_create_nodes(dm_grid **out, const dm_schedule *schedule, const dm_node *node, size_t n,
                                      const dm_allocator *allocator, dm_error *err);
DM_API void dm_grid_free(dm_grid *grid);

/* Number of nodes (steps + 1), and the i-th of them (lent; NULL past the end). */
DM_API size_t dm_grid_count(const dm_grid *grid);
DM_API const dm_node *dm_grid_node(const dm_grid *grid, size_t i);

#endif
