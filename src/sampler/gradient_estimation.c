/* Gradient estimation (Permenter 2024, algorithm 2): Euler along a slope that is pushed away from the one before, in
 * the coordinates of adams.h:
 *
 *     x'/scale' = x/scale + (tau' - tau) (gamma d + (1 - gamma) d_old)
 *
 * Order 1 for any gamma but 3/2, which is ipndm of order 2. The first step and the step to sigma' = 0 are the line.
 * State: one earlier slope. */
#include "base/compiler.h"
#include "sampler/adams.h"
#include "base/math.h"

enum { GAMMA, COORDINATES, ANALYTIC_FIRST };

static const dm_option options[] = {
    DMI_REAL("gamma", "weight of the new slope; 1: Euler", 2, 0, 5),
    DMI_COORDINATES,
    DMI_ANALYTIC_FIRST,
};

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	const struct dmi_form *form = dmi_coordinates(s, s->option[COORDINATES]);
	struct dmi_seen seen = dmi_see(e, s, s->option[ANALYTIC_FIRST] != 0);
	dm_val slope = dmi_view(e, &seen, form->space);
	double gamma = s->option[GAMMA], way = form->abscissa(s->to) - form->abscissa(s->from);
	(void)user;
	if (!s->n_past || s->to->sigma == 0 || !dmi_is_finite(way)) {
		dm_emit_state(e, dmi_emit_prediction_line(e, s, &seen));
	} else {
		way *= form->scale(s->to);
		dmi_departs_at(e, s->option[ANALYTIC_FIRST] != 0, &s->past[0].at);
		dm_emit_state(e, dm_emit_linear(e, 3,
		                                (dm_term[]){{form->scale(s->to) / form->scale(s->from), s->x},
		                                            {way * gamma, slope},
		                                            {way * (1 - gamma), s->past[0].prediction}}));
	}
	dm_emit_push(e, s->from, slope, 1);
	return DM_OK;
}

const struct dmi_sampler_type dmi_sampler_gradient_estimation = {
    DMI_METHOD("gradient_estimation", "Euler along an extrapolated slope", "Permenter 2024, algorithm 2", options),
    {.struct_size = sizeof(dm_sampler_ops), .n_past = 1, .step = step},
};
