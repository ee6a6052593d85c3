/* One interval as values: what the engine and the sampler emit, and how long each value lives. */
#ifndef DMI_INTERVAL_H
#define DMI_INTERVAL_H

#include "plan/compile.h"

/* Empties the emitter and defines what exists when the interval begins: the state, the past predictions, the kept values
 * that are set. Fills past and kept with their values. */
void dmi_interval_begin(struct dmi_compiler *c, int32_t n_past, int32_t kept_set, dm_past *past, dm_val *kept);

/* Unit normals of the engine's own. */
dm_val dmi_interval_fresh(dm_emit *e, int32_t tag);

/* Calls the sampler, after the Langevin steps of the plan, and checks what it left. */
dm_status dmi_interval_record(struct dmi_compiler *c, dm_step *s, dm_error *err);

/* The estimate of x0 for previews, of the last evaluation, defined as one more part of it: 0 where none is asked for. Any
 * error of what was emitted. */
dm_status dmi_interval_preview(struct dmi_compiler *c, dm_val *preview, dm_error *err);

/* Sets how long each value lives. */
void dmi_interval_mark_uses(struct dmi_compiler *c, int32_t n_past, int32_t kept_set, dm_val preview);

/* The samplers of the registry are right as programs: where a number of one is lost, the levels are too far apart, and the
 * error becomes one that says so. */
dm_status dmi_interval_blame(const struct dmi_compiler *c, dm_status st, int is_lost, const dm_node *from,
                             const dm_node *to, dm_error *err);

#endif
