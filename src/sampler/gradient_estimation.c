/* Gradient estimation (Permenter 2024, algorithm 2): Euler along a slope that is pushed away from the one before, in
 * the coordinates of adams.h:
 *
 *     x'/scale' = x/scale + (tau' - tau) (gamma d + (1 - gamma) d_old)
 *
 * Order 1 for any gamma but 3/2, which is ipndm of order 2. The first step and the step to sigma' = 0 are the line. With
 * eta > 0 the step goes to the level `down` below the node and is noised up to it (ancestral.h); d_old does not know the
 * noise that came after it, so the variance is not kept. As in stable-diffusion.cpp, split = ve belongs to coordinates
 * ve and split = rf to flow. State: one earlier slope. */
#include "base/compiler.h"
#include "sampler/adams.h"
#include "sampler/ancestral.h"
#include "sampler/nominal.h"
#include "base/math.h"

enum { GAMMA, COORDINATES, ANALYTIC_FIRST, ETA, S_NOISE, SPLIT };

static const dm_option options[] = {
    DMI_REAL("gamma", "weight of the new slope; 1: Euler", 2, 0, 5),
    DMI_COORDINATES,
    DMI_ANALYTIC_FIRST,
    DMI_REAL("eta", "share of fresh noise: 0 deterministic, 1 ancestral", 0, 0, 100),
    DMI_REAL("s_noise", "deviation of the fresh noise, 1 keeps the variance", 1, 0, 100),
    DMI_SPLIT(DMI_SPLIT_VE),
};

/* The state at s->to, without noise of its own. */
static dm_val advance(dm_emit *e, const dm_step *s, const struct dmi_form *form, const struct dmi_seen *seen,
                      dm_val slope)
{
	double gamma = s->option[GAMMA], way = form->abscissa(s->to) - form->abscissa(s->from);
	if (!s->n_past || s->to->sigma == 0 || !dmi_is_finite(way))
		return dmi_emit_prediction_line(e, s, seen);
	way *= form->scale(s->to);
	dmi_departs_at(e, s->option[ANALYTIC_FIRST] != 0, &s->past[0].at);
	if (s->option[ETA] > 0)
		dm_emit_departs(e, DM_DEPARTS_VARIANCE);
	return dm_emit_linear(e, 3,
	                      (dm_term[]){{form->scale(s->to) / form->scale(s->from), s->x},
	                                  {way * gamma, slope},
	                                  {way * (1 - gamma), s->past[0].prediction}});
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	const struct dmi_form *form = dmi_coordinates(s, s->option[COORDINATES]);
	struct dmi_ancestral a = {*s->to, 0};
	dm_step below = *s;
	(void)user;
	if (s->option[ETA] > 0 && !dmi_ancestral_target(e, s, s->option[ETA], (int)s->option[SPLIT], &a))
		return DM_OK;
	struct dmi_seen seen = dmi_see(e, s, s->option[ANALYTIC_FIRST] != 0);
	dm_val slope = dmi_view(e, &seen, form->space);
	below.to = &a.down;
	dm_val x = advance(e, &below, form, &seen, slope);
	dm_emit_state(e, dmi_emit_fresh(e, s, x, a.up, s->option[S_NOISE], 0));
	dm_emit_push(e, s->from, slope, 1);
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	const double *o = given->value;
	int32_t ode = dmi_started_order(o[GAMMA] == 1.5 ? 2 : 1, DMI_START_EULER, o[ANALYTIC_FIRST]);
	return dmi_noisy_order(o[ETA], o[S_NOISE], ode, 1);
}

const struct dmi_sampler_type dmi_sampler_gradient_estimation = {
    DMI_METHOD_KNOWN("gradient_estimation", "Euler along an extrapolated slope", "Permenter 2024, algorithm 2", options,
                     "ComfyUI: gradient_estimation; stable-diffusion.cpp: euler_ge (on flow models split=rf)"),
    {.struct_size = sizeof(dm_sampler_ops), .n_past = 1, .step = step},
    .order = order,
};
