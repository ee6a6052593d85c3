/* DPM2: the midpoint method with churn (Karras 2022; k-diffusion sample_dpm_2). The step stands in dpm2.h. State: none. */
#include "base/compiler.h"
#include "sampler/dpm2.h"
#include "sampler/nominal.h"
#include "base/math.h"
#include <math.h>

enum { COORDINATES = DMI_AFTER_CHURN };

static const dm_option options[] = {DMI_CHURN_OPTIONS, DMI_COORDINATES};

/* lambda of the geometric middle: of sigma/alpha, or of s = sigma/(alpha + sigma). */
static double middle(const dm_node *from, const dm_node *to, int native)
{
	if (!native)
		return (from->lambda + to->lambda) / 2;
	double s = sqrt(dmi_coordinate(from, 1) * dmi_coordinate(to, 1));
	return dmi_log1p(-s) - dmi_log(s);
}

dm_val dmi_emit_dpm2(dm_emit *e, const dm_step *s, dm_val x, const dm_node *from, const dm_node *to, int coordinates)
{
	dm_node at;
	int native = dmi_is_native(coordinates, from, s->to);
	dm_val x0 = dm_emit_eval(e, x, from, DM_SPACE_X0);
	if (to->sigma == 0 || to->lambda == from->lambda || (!native && !dmi_is_finite(from->lambda - to->lambda)))
		return dmi_emit_line(e, x, from, x0, to);
	dm_status st = dm_schedule_at_lambda(s->schedule, middle(from, to, native), &at, NULL);
	if (st != DM_OK)
		dm_emit_fail(e, st, "sampler: the schedule has no level in the middle of one of the steps");
	dm_val x0_m = dm_emit_eval(e, dmi_emit_line(e, x, from, x0, &at), &at, DM_SPACE_X0);
	return dmi_emit_slopes(e, x, from, to, native, 1, (double[]){1}, &x0_m);
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	dm_node at;
	(void)user;
	dm_val x = dmi_emit_churn(e, s, &at);
	dm_emit_state(e, dmi_emit_dpm2(e, s, x, &at, s->to, (int)s->option[COORDINATES]));
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return dmi_churned_order(given->value, 2);
}

const struct dmi_sampler_type dmi_sampler_dpm2 = {
    .method = DMI_METHOD_KNOWN(
        "dpm2", "midpoint method of order 2, with churn", "Karras 2022; k-diffusion", options,
        "diffusers: KDPM2DiscreteScheduler; k-diffusion: sample_dpm_2; ComfyUI: dpm_2; stable-diffusion.cpp: dpm2"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
    .order = order,
    .check = dmi_check_churn,
};
