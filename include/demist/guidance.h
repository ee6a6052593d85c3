/* demist/guidance.h: how the predictions of several branches become one, and what is done to it.
 *
 * A guidance is a chain of stages, written left to right: "cfg:scale=4|rescale:phi=0.7|threshold:ratio=0.995".
 * Combinations act on the prediction of x0 (for linear ones every space is the same); after them come the maps on x0
 * (clip, threshold). Statistics are taken per sample, always. */
#ifndef DEMIST_GUIDANCE_H
#define DEMIST_GUIDANCE_H

#include "sampler.h"

typedef struct dm_guidance dm_guidance;

enum { DM_GUIDANCE_MAX_BRANCH = 8 };

/* One combining stage. It sees n = 1 + n_branch values: value 0 is what the stages before it made (absent for the first
 * stage: use no weight there), value 1 + b the prediction of branch b; its result is the weighted sum.
 * branches: the branches it needs at a node, fewer where some would have no effect; n holds the number already asked
 * for by earlier stages (branch[0..n-1]) and leaves with the new one; asking twice for the same branch is allowed.
 *   The array holds 2 * DM_GUIDANCE_MAX_BRANCH entries; at most DM_GUIDANCE_MAX_BRANCH different ones may remain.
 * weights: the n weights. stats is NULL where needs_stats is 0; else the statistics of the n values for this sample. */
typedef struct dm_guidance_ops {
	size_t struct_size;
	int32_t needs_stats;
	dm_status (*branches)(void *user, const dm_node *at, dm_branch *branch, int32_t *n);
	dm_status (*weights)(void *user, const dm_node *at, const dm_branch *branch, int32_t n_branch,
	                     const dm_stats *stats, double *weight);
	void (*destroy)(void *user);
} dm_guidance_ops;

/* By name: "none", or a chain as above. */
DM_API dm_status dm_guidance_create(dm_guidance **out, const char *spec, const dm_allocator *allocator, dm_error *err);

/* A stage of the caller's over a base chain (NULL: it is the first). name appears in specs. */
DM_API dm_status dm_guidance_create_custom(dm_guidance **out, const char *name, const dm_guidance *base,
                                           const dm_guidance_ops *ops, void *user, const dm_allocator *allocator,
                                           dm_error *err);
DM_API void dm_guidance_free(dm_guidance *guidance);

#endif
