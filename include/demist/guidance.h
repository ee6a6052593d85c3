/* demist/guidance.h: how the predictions of several branches become one, and what is done to it.
 *
 * A guidance is a chain of stages, written left to right: "cfg:scale=4|rescale:phi=0.7|threshold:ratio=0.995".
 * First the combining stages, weighted sums of the branches' predictions of x0 (for linear ones every space is the
 * same); then, in any order, maps on x0 (clip, threshold) and stages that emit: that look at gradients, Jacobians,
 * measurements, masks. Statistics are taken per sample, always. */
#ifndef DEMIST_GUIDANCE_H
#define DEMIST_GUIDANCE_H

#include "operator.h"
#include "sampler.h"

typedef struct dm_guidance dm_guidance;

enum { DM_GUIDANCE_MAX_BRANCH = 8 };

/* What a stage that emits sees. */
typedef struct dm_guide {
	size_t struct_size;
	int64_t step, n_step;     /* n_step = -1 where the number is not known */
	const dm_node *at;        /* where the evaluation is made; in state() the node that the step ends at */
	const dm_node *from, *to; /* the step */
	const dm_schedule *schedule;
	dm_val x;           /* the state at `at`, as the sampler has it */
	dm_val evaluation;  /* for dm_emit_branch and dm_emit_vjp; in after() the one just made, in state() the first of the
	                    * step, 0 where it made none */
	const dm_node *end; /* the last node with sigma > 0 */
	double variance;    /* in state(): of the noise that the step itself added to the state; NaN where that is not known
	                     * because a draw also went through the network or a map; else 0 */
} dm_guide;

/* A stage of one of two sorts. A combining one has weights(): it sees n = 1 + n_branch (+ 1) values: value 0 is what the
 * stages before it made (for the first stage the first branch), value 1 + b the prediction of branch b, and
 * the last one, where keep() is given, what it kept at the evaluation before (0 at first); its result is the weighted
 * sum.
 * branches: the branches it needs at a node, fewer where some would have no effect; n holds the number already asked
 * for by earlier stages (branch[0..n-1]) and leaves with the new one; asking twice for the same branch is allowed.
 *   The array holds 2 * DM_GUIDANCE_MAX_BRANCH entries; at most DM_GUIDANCE_MAX_BRANCH different ones may remain.
 * weights: the n weights. stats is NULL where needs_stats is 0; else the statistics of the n values for this sample.
 * keep: the weights of what it keeps for the next evaluation, over the same n values (weight[0] must stay 0).
 *
 * One that emits has any of before, after and state, and no weights. Each gets a value and leaves another in its place
 * (or the same): before an evaluation the value that the model will see; after it the estimate of x0; at the end of a
 * step the state at the next node. branches (optional) adds the branches it looks at. rule: the weights of
 * dm_emit_weighted, as in dm_sampler_ops. */
typedef struct dm_guidance_ops {
	size_t struct_size;
	int32_t needs_stats;
	dm_status (*branches)(void *user, const dm_node *at, dm_branch *branch, int32_t *n);
	dm_status (*weights)(void *user, const dm_node *at, const dm_branch *branch, int32_t n_branch,
	                     const dm_stats *stats, double *weight);
	void (*destroy)(void *user);
	dm_status (*keep)(void *user, const dm_node *at, const dm_branch *branch, int32_t n_branch, double *weight);
	dm_status (*before)(void *user, const dm_guide *guide, dm_emit *e, dm_val *x);
	dm_status (*after)(void *user, const dm_guide *guide, dm_emit *e, dm_val *x0);
	dm_status (*state)(void *user, const dm_guide *guide, dm_emit *e, dm_val *x);
	dm_status (*rule)(void *user, int32_t rule, const double parameter[4], size_t n_sample, const dm_stats *stats,
	                  double *weight);
} dm_guidance_ops;

/* For stages that emit, beside those of sampler.h.
 * branch: the x0 of one branch of an evaluation (branches() must have asked for it).
 * vjp: the transposed Jacobian of the evaluation's x0 (before maps, linear guidance only) times a value of the shape of
 *   x0: asks with DM_ASK_VJP.
 * gradient: of a log-probability at the value x, with respect to it: asks with DM_ASK_GRADIENT. at NULL: x is an
 *   evaluation, and the gradient is taken at the sampler's value that was evaluated.
 * bound: an array that the caller binds to the run (dm_run_bind).
 * operator: what the operator of this stage makes of a value: a DM_OPERATOR_... of operator.h. operator_by: of two.
 * renoise: unit normals of (DM_DRAW_RENOISE, step, tag), new in every step; or, where fixed is not 0, the same in all. */
enum { DM_BOUND_KNOWN = 0, DM_BOUND_MASK = 1, DM_BOUND_REFERENCE = 2, DM_BOUND_USER = 3, DM_BOUND_MEASUREMENT = 8 };
DM_API dm_val dm_emit_branch(dm_emit *e, dm_val evaluation, const dm_branch *branch);
DM_API dm_val dm_emit_vjp(dm_emit *e, dm_val evaluation, dm_val cotangent);
DM_API dm_val dm_emit_gradient(dm_emit *e, dm_val x, const dm_node *at, int32_t target);
DM_API dm_val dm_emit_bound(dm_emit *e, int32_t which);
DM_API dm_val dm_emit_operator(dm_emit *e, int32_t what, dm_val x, const double parameter[4]);
DM_API dm_val dm_emit_operator_by(dm_emit *e, int32_t what, dm_val x, dm_val by, const double parameter[4]);
DM_API dm_val dm_emit_renoise(dm_emit *e, int32_t tag, int32_t fixed);

/* By name: "none", or a chain as above. */
DM_API dm_status dm_guidance_create(dm_guidance **out, const char *spec, const dm_allocator *allocator, dm_error *err);

/* The stages of a spec over a base chain (NULL: none), with the operator that its inverse-problem stages work with (NULL:
 * none). The operator and the base are kept by the guidance. */
DM_API dm_status dm_guidance_create_over(dm_guidance **out, const char *spec, const dm_guidance *base,
                                         const dm_operator *op, const dm_allocator *allocator, dm_error *err);

/* A stage of the caller's over a base chain (NULL: it is the first). name appears in specs. */
DM_API dm_status dm_guidance_create_custom(dm_guidance **out, const char *name, const dm_guidance *base,
                                           const dm_guidance_ops *ops, void *user, const dm_allocator *allocator,
                                           dm_error *err);
DM_API void dm_guidance_free(dm_guidance *guidance);

/* How alike two embeddings a and b of n numbers are, and the gradient with respect to a, for a gradient callback that
 * steers towards b: its log-probability is a multiple of this, its gradient the same multiple of the transposed Jacobian
 * of the caller's embedding times `gradient`.
 *   DM_SIMILARITY_COSINE     the cosine c of the angle between a and b, in [-1, 1]
 *   DM_SIMILARITY_SPHERICAL  -angle^2 / 2, minus the squared spherical distance
 * value and gradient[n] (of the type of a and b) may be NULL. DM_ERR_ARGUMENT where a or b is 0: it has no direction. */
enum { DM_SIMILARITY_COSINE = 1, DM_SIMILARITY_SPHERICAL = 2 };
DM_API dm_status dm_similarity(int32_t kind, const void *a, const void *b, size_t n, int32_t type, double *value,
                               void *gradient, dm_error *err);

#endif
