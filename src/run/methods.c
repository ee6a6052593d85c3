/* The registries under one listing. */
#include "base/compiler.h"
#include "guidance/guidance.h"
#include "model/prediction.h"
#include "model/time.h"
#include "sampler/sampler.h"
#include "schedule/grid.h"
#include "schedule/schedule.h"
#include "train/weight.h"

static const struct dmi_method *method_at(int32_t kind, int32_t i)
{
	static const struct dmi_method *const *(*const registries[])(int32_t *) = {
	    [DM_KIND_SCHEDULE] = dmi_schedule_registry, [DM_KIND_GRID] = dmi_grid_registry,
	    [DM_KIND_MODEL] = dmi_prediction_registry,  [DM_KIND_GUIDANCE] = dmi_guidance_registry,
	    [DM_KIND_SAMPLER] = dmi_sampler_registry,   [DM_KIND_TIME] = dmi_time_registry,
	    [DM_KIND_WEIGHT] = dmi_weight_registry,     [DM_KIND_GRID_EDIT] = dmi_grid_edit_registry,
	};
	int32_t n;
	if (kind < DM_KIND_SCHEDULE || kind > DM_KIND_GRID_EDIT)
		return NULL;
	const struct dmi_method *const *registry = registries[kind](&n);
	return i >= 0 && i < n ? registry[i] : NULL;
}

const dm_method *dm_method_at(int32_t kind, int32_t i)
{
	const struct dmi_method *method = method_at(kind, i);
	return method ? &method->info : NULL;
}

const dm_option *dm_method_option(int32_t kind, int32_t i, int32_t k)
{
	const struct dmi_method *method = method_at(kind, i);
	return method && k >= 0 && k < method->info.n_option ? &method->option[k] : NULL;
}
