/* demist/grid.h: the nodes that a run visits, in order.
 *
 * A grid of N steps has N + 1 nodes: N from which the model is asked, and the final one. It normally goes down in
 * noise; a grid that goes up (direction=up) encodes a sample into noise.
 *
 * Options that every named grid has: steps (N); final = zero (alpha 1, sigma 0), or last (the least noise of the
 * schedule, table index 0 or the end t_min of a continuous process; or the grid's own last value where that has less; a
 * grid whose values go down to there has one value more, so that every step moves, and a list of the caller's one step
 * less), or repeat (the last node again: the last step does not move), or included (the grid's own last value is the
 * final node: N nodes, N - 1 steps), or denoise (last, and one more step from there to zero: one more evaluation);
 * direction = down, up.
 * More steps than a table has entries: refused by grids of whole indices, allowed by those that interpolate. */
#ifndef DEMIST_GRID_H
#define DEMIST_GRID_H

#include "schedule.h"

typedef struct dm_grid dm_grid;

/* By name: "trailing:steps=20", "leading", "linspace", "karras:steps=15,rho=7", "exponential", "log_snr",
 * "flow:shift=3", "times:at=999/500/20" (process times), "levels:at=14.6/2.5/0.3" (sigma/alpha). Edits may follow, from
 * left to right, after which the grid also climbs: "karras:steps=18|restart:low=0.06,high=0.3,times=2,steps=6",
 * "trailing:steps=50|repaint:length=10,samples=10". */
DM_API dm_status dm_grid_create(dm_grid **out, const dm_schedule *schedule, const char *spec,
                                const dm_allocator *allocator, dm_error *err);

/* Node by node, for those who need full control: n >= 2 nodes, the last one is the final level. alpha, sigma and time
 * are taken as they are (time NaN: the model's map decides); t is filled in from lambda where it is NaN; lambda and
 * visit are ignored. The noise must fall (or stay) from node to node, or rise (or stay). */
DM_API dm_status dm_grid_create_nodes(dm_grid **out, const dm_schedule *schedule, const dm_node *node, size_t n,
                                      const dm_allocator *allocator, dm_error *err);

/* The same for a grid that falls and climbs (restart, RePaint, time travel): the noise may change in either direction
 * from node to node, but not stand still. Where it climbs, fresh noise is added and the sampler's history is emptied. */
DM_API dm_status dm_grid_create_visits(dm_grid **out, const dm_schedule *schedule, const dm_node *node, size_t n,
                                       const dm_allocator *allocator, dm_error *err);
DM_API void dm_grid_free(dm_grid *grid);

/* New grids from old ones; times that the model receives go along with their nodes.
 * split: the nodes up to `node` and those from it on; high or low may be NULL where that part is not wanted. A part
 * that is wanted has at least one step.
 * split_strength: the same at the node from which round(strength * steps) steps are left; strength in [0, 1]. Where
 * none is left (strength = 0) there is no low part: that is an error, and nothing to be done to the start.
 * flip: the nodes in the opposite order. extend: every interval between levels high and low (sigma/alpha; s on the flow
 * process) is cut into `parts`, even in the level (spacing 0), or closer at its beginning (1) or end (2). set_first: the
 * first node is replaced by the one at that sigma/alpha. */
DM_API dm_status dm_grid_split(dm_grid **high, dm_grid **low, const dm_grid *grid, size_t node,
                               const dm_allocator *allocator, dm_error *err);
DM_API dm_status dm_grid_split_strength(dm_grid **high, dm_grid **low, const dm_grid *grid, double strength,
                                        const dm_allocator *allocator, dm_error *err);
DM_API dm_status dm_grid_flip(dm_grid **out, const dm_grid *grid, const dm_allocator *allocator, dm_error *err);
DM_API dm_status dm_grid_extend(dm_grid **out, const dm_grid *grid, size_t parts, double high, double low,
                                int32_t spacing, const dm_allocator *allocator, dm_error *err);
DM_API dm_status dm_grid_set_first(dm_grid **out, const dm_grid *grid, double level, const dm_allocator *allocator,
                                   dm_error *err);

/* The list of times of RePaint (Lugmayr 2022): N falling times N-1 .. 0 with climbs of `length` from 0, length, 2 length,
 * ... below N - length, each climbed samples - 1 times. time (capacity entries, may be NULL with 0) gets as many as fit,
 * *n how many there are; each stands for the table index time * floor(T/N). */
DM_API dm_status dm_grid_repaint_times(size_t steps, size_t length, size_t samples, int64_t *time, size_t capacity,
                                       size_t *n, dm_error *err);

/* Number of nodes (steps + 1), and the i-th of them (lent; NULL past the end). */
DM_API size_t dm_grid_count(const dm_grid *grid);
DM_API const dm_node *dm_grid_node(const dm_grid *grid, size_t i);

#endif
