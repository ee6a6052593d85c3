/* A guidance: a chain of combining stages, then maps on x0 and stages that emit. */
#ifndef DMI_GUIDANCE_H
#define DMI_GUIDANCE_H

#include "base/option.h"
#include "demist/guidance.h"
#include "operator/operator.h"

/* An entry of the registry. The user of its ops is the array of option values; a map has a number and fills its
 * parameters from the option values.
 * first: no stage may stand before it. space: the number of the option that names the space in which it looks at its
 * values (dmi_spaces), 0: x0 always. masks: the number of the option with which it takes what is bound from
 * DM_BOUND_USER on as masks, 0: none. compares: it measures what is guided against the given prediction, so some stage
 * must stand before it. check (optional): of all options together; it may take ops away that they make idle.
 * Maps have the interval of common.h, from DMI_FROM on: outside of it nothing is mapped. */
struct dmi_guidance_type {
	struct dmi_method method;
	dm_guidance_ops ops;
	int32_t map, needs_operator, first, space, masks, compares;
	void (*parameters)(const double *option, double parameter[4]);
	dm_status (*check)(const struct dmi_guidance_type *type, const struct dmi_options *options, dm_guidance_ops *ops,
	                   dm_error *err);
};

struct dmi_stage {
	const struct dmi_guidance_type *type; /* NULL: the caller's */
	const char *name;
	dm_guidance_ops ops;
	void *user;
	struct dmi_options options;
};

enum { DMI_MAX_STAGE = 12, DMI_MAX_GUIDE_KEPT = 4 };

struct dm_guidance {
	struct dmi_object object;
	dm_operator *op;   /* may be NULL */
	dm_guidance *base; /* keeps the stages that were copied from it alive */
	int32_t n_stage, n_own;
	struct dmi_stage stage[DMI_MAX_STAGE]; /* the last n_own are its own */
	char name[64];                         /* of a stage of the caller's */
};

const struct dmi_method *const *dmi_guidance_registry(int32_t *n);

/* Spaces by name: "x0", "epsilon", "v", "flow". */
extern const char *const dmi_spaces[5];
#define DMI_SPACE_OPTION DMI_CHOICE("space", "of which prediction its statistics are taken", 0, dmi_spaces)

/* Makes a stage that combines predictions one that acts after an evaluation, in the space of its option (x0 where it
 * has none). The stage must stand where it will stay. */
dm_status dmi_space_adapt(struct dmi_stage *stage, dm_error *err);

/* The branches asked for at a node: at least one. guidance may be NULL everywhere below. */
dm_status dmi_guidance_branches(const dm_guidance *guidance, const dm_node *at, dm_branch *branch, int32_t *n,
                                dm_error *err);
/* Whether the weights follow from statistics, or a stage keeps a value; how many do; whether any stage emits. */
int dmi_guidance_needs_stats(const dm_guidance *guidance);
int32_t dmi_guidance_kept(const dm_guidance *guidance);
int dmi_guidance_emits(const dm_guidance *guidance);

/* The name of the first stage whose share in the prediction a Jacobian does not follow: its weights follow from
 * statistics, or it weighs branches after the evaluation; NULL where there is none. */
const char *dmi_guidance_without_jacobian(const dm_guidance *guidance);

/* The weight of every value (branches, then kept ones) in the guided prediction of x0; stats: of these values, NULL
 * unless needed. keep: the weights of what the k-th stage that keeps a value keeps next. */
dm_status dmi_guidance_weights(const dm_guidance *guidance, const dm_node *at, const dm_branch *branch, int32_t n,
                               const dm_stats *stats, double *weight, dm_error *err);
dm_status dmi_guidance_keep(const dm_guidance *guidance, int32_t k, const dm_node *at, const dm_branch *branch,
                            int32_t n, double *weight, dm_error *err);

/* The k-th map on x0 at a node and its parameters; 0 past the last. */
int32_t dmi_guidance_map(const dm_guidance *guidance, const dm_node *at, int32_t k, double parameter[4]);

/* The interval of lambda in which the k-th stage acts; 0 past the last. */
int dmi_guidance_interval(const dm_guidance *guidance, int32_t k, double ends[2]);

/* Whether a bound array is a mask: values in [0, 1]. */
int dmi_guidance_is_mask(const dm_guidance *guidance, int32_t which);

/* The place of the plain branch (model 0, no perturbation) with a condition; n where there is none. */
int32_t dmi_find_branch(const dm_branch *branch, int32_t n, int32_t condition);

void dmi_guidance_print(const dm_guidance *guidance, struct dmi_text *text);

#endif
