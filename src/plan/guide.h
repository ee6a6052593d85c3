/* The stages of a guidance that emit, laid around what a sampler emits. */
#ifndef DMI_GUIDE_H
#define DMI_GUIDE_H

#include "plan/emit.h"

/* An evaluation of the value x between the stages. */
dm_val dmi_guide_evaluate(dm_emit *e, dm_val x, const dm_node *at, const dm_node *to, int32_t space);

/* The same evaluation in another space; unmapped: before the maps that end the chain. */
dm_val dmi_guide_view(dm_emit *e, dm_val guided, int32_t space, int unmapped);

/* What the stages make of the state at the end of a step. */
void dmi_guide_state(dm_emit *e, const dm_node *to);

#endif
