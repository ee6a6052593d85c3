/* The plan object. */
#ifndef DMI_PLAN_H
#define DMI_PLAN_H

#include "plan/compile.h"
#include "schedule/grid.h"
#include "schedule/schedule.h"

enum { DMI_KEPT_NONE, DMI_KEPT_LEFT, DMI_KEPT_GIVEN };
enum {
	DMI_PLAN_START,
	DMI_PLAN_PROGRESS,
	DMI_PLAN_PREVIEW,
	DMI_PLAN_NOISE,
	DMI_PLAN_KEPT,
	DMI_PLAN_CLIMB,
	DMI_PLAN_REFINE,
	DMI_PLAN_REFINE_NOISE
};

struct dm_plan {
	struct dmi_object object;
	dm_schedule *schedule;
	dm_grid *grid;
	dm_sampler *sampler;
	dm_model *model;
	dm_guidance *guidance; /* may be NULL */
	struct dmi_options options;
	dm_plan_info info;
	struct dmi_program program; /* adaptive: one of the trials that were looked at */

	struct dmi_needs needs;      /* of all rows, or of all trials that were looked at */
	int32_t max_value, max_term; /* adaptive: what the largest trial emits */
	int32_t norm;                /* adaptive: DM_NORM_... */
	size_t first, end;           /* nodes: where the run starts; the last one with sigma > 0 */
	int32_t kept_start[DMI_MAX_KEPT], kept_end[DMI_MAX_KEPT]; /* slots of the kept values, where asked for */
};

/* Adaptive plans: where a trial of size h from a node ends, and whether the run is there. */
dm_status dmi_plan_target(const dm_plan *plan, const dm_node *from, double h, dm_node *to, dm_error *err);
double dmi_plan_trial_size(const dm_plan *plan, const dm_node *from, const dm_node *to);
int dmi_plan_arrived(const dm_plan *plan, const dm_node *at);

/* Adaptive plans: compiles trials and takes down what they take; `check` for one of them. */
dm_status dmi_plan_try(dm_plan *plan, struct dmi_compiler *c, struct dmi_check *check, dm_error *err);

/* Whether the grid both climbs and falls; one that climbs all the way encodes a sample. */
int dmi_plan_is_mixed(const dm_plan *plan);

/* Sets a compiler up for this plan, with neither program nor check. */
void dmi_plan_compiler(const dm_plan *plan, struct dmi_compiler *c);

/* Appends the spec of everything the plan was made from. */
void dmi_plan_print_spec(const dm_plan *plan, struct dmi_text *text);

/* "start=3,preview=1": the table of plan options, for those who read them among others. */
const dm_option *dmi_plan_options(int32_t *n);

#endif
