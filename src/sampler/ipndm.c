/* iPNDM (Zhang 2023, improved PNDM): Adams-Bashforth with the weights of equal steps over the newest k slopes, whatever
 * the steps are, in the coordinates of adams.h:
 *
 *     ve      x'/alpha' = x/alpha + (u' - u) sum_j w_j epsilon_j,    u = sigma/alpha
 *     flow    the same over s = sigma/(alpha + sigma) with the velocity epsilon - x0
 *     w       1;  (3, -1)/2;  (23, -16, 5)/12;  (55, -59, 37, -9)/24
 *
 * The weights are exact for equal steps only, so from k = 2 on the order is 2 elsewhere (ipndm_v has weights for the
 * steps as they are); on equal steps it is k with start = rk. The step to sigma' = 0, and one from alpha = 0 over u, is
 * the line. compat=diffusers: the former is not, and the latter drops the term alpha' x0. State: order - 1 earlier
 * slopes. */
#include "base/compiler.h"
#include "sampler/adams.h"
#include "sampler/nominal.h"
#include "base/math.h"

enum { ORDER, COORDINATES, COMPAT, START, ANALYTIC_FIRST, MAX_ORDER = 4 };
enum { NONE, DIFFUSERS };

static const char *const compats[] = {"none", "diffusers", NULL};

static const dm_option options[] = {
    DMI_INTEGER("order", "number of slopes", 4, 1, MAX_ORDER),
    DMI_COORDINATES,
    DMI_CHOICE("compat", "diffusers: all slopes to sigma = 0 too; from alpha = 0 the noise alone", NONE, compats),
    DMI_START,
    DMI_ANALYTIC_FIRST,
};

/* x' = (scale'/scale) x + scale' (tau' - tau) sum_j w_j slope_j */
static dm_val advance(dm_emit *e, const dm_step *s, const struct dmi_form *form, dm_val slope, int n)
{
	double weight[MAX_ORDER], way = form->scale(s->to) * (form->abscissa(s->to) - form->abscissa(s->from));
	dm_term term[1 + MAX_ORDER] = {{form->scale(s->to) / form->scale(s->from), s->x}};
	dmi_adams_equal(n, weight);
	for (int j = 0; j < n; j++) {
		term[1 + j] = (dm_term){way * weight[j], j ? s->past[j - 1].prediction : slope};
		dmi_departs_at(e, j && s->option[ANALYTIC_FIRST] != 0, &s->past[j ? j - 1 : 0].at);
	}
	return dm_emit_linear(e, 1 + n, term);
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	const struct dmi_form *form = dmi_coordinates(s, s->option[COORDINATES]);
	int compat = s->option[COMPAT] == DIFFUSERS;
	int n = s->option[ORDER] > s->n_past ? s->n_past + 1 : (int)s->option[ORDER];
	int finite = dmi_is_finite(form->abscissa(s->to) - form->abscissa(s->from));
	struct dmi_seen seen = dmi_see(e, s, s->option[ANALYTIC_FIRST] != 0);
	dm_val slope = dmi_view(e, &seen, form->space);
	(void)user;
	if (!finite && compat) {
		dm_emit_departs(e, DM_DEPARTS_MEAN);
		dm_emit_state(e, dm_emit_linear(e, 1, (dm_term[]){{s->to->sigma, slope}}));
	} else if (dmi_starts(s, (int)s->option[START], (int)s->option[ORDER], n)) {
		dm_emit_state(e, dmi_emit_start(e, s, &seen, (int)s->option[ORDER]));
	} else if (!finite || n == 1 || (s->to->sigma == 0 && !compat)) {
		dm_emit_state(e, dmi_emit_prediction_line(e, s, &seen));
	} else {
		dm_emit_state(e, advance(e, s, form, slope, n));
	}
	dm_emit_push(e, s->from, slope, n);
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return dmi_started_order(given->value[ORDER], DMI_START_EULER, given->value[ANALYTIC_FIRST]);
}

const struct dmi_sampler_type dmi_sampler_ipndm = {
    DMI_METHOD_KNOWN("ipndm", "Adams-Bashforth with the weights of equal steps", "Zhang 2023; Liu 2022", options,
                     "diffusers: IPNDMScheduler (compat=diffusers); ComfyUI: ipndm; stable-diffusion.cpp: ipndm"),
    {.struct_size = sizeof(dm_sampler_ops), .n_past = MAX_ORDER - 1, .step = step},
    .order = order,
};
