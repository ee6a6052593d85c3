/* From the command line to the library's objects. */
#ifndef DIGITS_SETUP_H
#define DIGITS_SETUP_H

#include "args.h"
#include "demist.h"

/* What a plan and a codebook are made of. */
struct digits_objects {
	dm_schedule *schedule;
	dm_grid *grid;
	dm_model *model;
};

/* On failure all of them are freed. */
dm_status digits_objects_create(struct digits_objects *objects, const struct digits_args *args, const dm_model_ops *ops,
                                void *user, dm_error *err);
void digits_objects_free(struct digits_objects *objects);

/* Whether a spec sets an option of its first stage, before any edit. */
int digits_spec_sets(const char *spec, const char *name);

/* ops and user: the model's callback; ops may be NULL for a plan that is only printed. */
dm_status digits_plan_create(dm_plan **out, const struct digits_args *args, const dm_model_ops *ops, void *user,
                             dm_error *err);
dm_status digits_run_create(dm_run **out, const struct digits_args *args, const dm_plan *plan, dm_error *err);

/* Prints the plan as a table. 0, or -1 and a text. */
int digits_plan_show(const dm_plan *plan, FILE *out, struct digits_error *error);

#endif
