/* Analytic-DPM (Bao 2022, theorem 1, eq. 7): the posterior mean of DDPM (eta = 1) or DDIM, and of all variances that are
 * the same for every element the one nearest to the true reverse step. With l = eta sigma' sqrt(1 - e^(-2h)) of DDIM:
 *
 *     x' = c x0 + (1/sigma) sqrt(sigma'^2 - l^2) x + s z
 *     s^2 = l^2 + c^2 v,   c = alpha' - (alpha/sigma) sqrt(sigma'^2 - l^2),   v = (sigma/alpha)^2 (1 - Gamma)
 *
 * v is the mean variance of x0 given x, and Gamma = E|epsilon|^2 per element at the node, which dm_analytic_variance
 * estimates: gamma lists one for every step. At alpha = 0 Gamma says nothing of the data, and v is 0. Bounds of theorem 2:
 * 0 <= Gamma <= 1, and v <= (range/2)^2 where the data fill a range. last_pixels is the authors' bound on the last noise, for
 * data in [-1, 1]: s sqrt(2/pi) <= 2/255 last_pixels. Without a list every Gamma is 1: ddim:recompute_epsilon=1 with this
 * eta. The step to sigma' = 0 returns x0. State: none. */
#include "base/compiler.h"
#include "sampler/step.h"
#include "base/math.h"
#include "base/option.h"
#include <math.h>

enum { ETA, GAMMA, RANGE, LAST_PIXELS };

static const dm_option options[] = {
    DMI_REAL("eta", "share of the noise of DDPM before what is added", 1, 0, 1),
    DMI_LIST("gamma", "mean square of epsilon at the start of every step, from dm_analytic_variance; none: 1", 0, 1e30),
    DMI_REAL("range", "width of the data's range, 2 for data in [-1, 1]; inf: no bound", DMI_INFINITE, 0, DMI_INFINITE),
    DMI_REAL("last_pixels", "most of the last noise, in mean and in levels of 255; 0: no bound", 0, 0, 255),
};

/* 1 - Gamma of the step. */
static double shortfall(dm_emit *e, const dm_step *s, const struct dmi_options *given)
{
	if (!given || given->n_list == 0)
		return 0;
	if (given->n_list == (size_t)s->n_step)
		return fmax(1 - given->list[s->step], 0);
	dmi_refuse(e, DM_ERR_ARGUMENT,
	           "sampler \"analytic_dpm\": option \"gamma\" has %z entries, it needs one for each of the %l steps",
	           given->n_list, s->n_step);
	return 0;
}

static double clip(const dm_step *s, double variance)
{
	double pixels = s->option[LAST_PIXELS], most = pixels * 2 / 255 * 1.2533141373155003; /* sqrt(pi/2) */
	int is_last = s->step + 2 == s->n_step && s->grid[s->n_step].sigma == 0;
	return is_last && pixels > 0 ? fmin(variance, most * most) : variance;
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	const dm_node *from = s->from, *to = s->to;
	double missing = shortfall(e, s, user), l2, kept, u = dmi_level(from);
	if (!dmi_goes_down(e, s, "sampler \"analytic_dpm\" needs noise that falls from node to node"))
		return DM_OK;
	l2 = s->option[ETA] * to->sigma;
	l2 *= -l2 * dmi_expm1(-2 * dmi_lambda_step(from, to));
	kept = sqrt(fmax(to->sigma * to->sigma - l2, 0));
	double c = to->alpha - kept / u, half = s->option[RANGE] / 2;
	double v = missing > 0 && from->alpha > 0 ? fmin(u * u * missing, half * half) : 0;
	double variance = to->sigma > 0 ? clip(s, l2 + c * c * v) : 0;
	dm_val x0 = dm_emit_eval(e, s->x, from, DM_SPACE_X0);
	dm_val z = variance > 0 ? dm_emit_increment(e, from->lambda, to->lambda, 0) : 0;
	if (variance != l2)
		dm_emit_departs(e, DM_DEPARTS_VARIANCE);
	dm_term mean_x = {kept > 0 ? kept / from->sigma : 0, s->x};
	dm_emit_state(e, dm_emit_linear(e, 3, (dm_term[]){mean_x, {c, x0}, {sqrt(variance), z}}));
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return given->n_list == 0; /* a list belongs to one number of steps */
}

const struct dmi_sampler_type dmi_sampler_analytic_dpm = {
    .method = DMI_METHOD("analytic_dpm", "DDPM or DDIM with the optimal variance, estimated from data",
                         "Bao 2022, theorems 1 and 2", options),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
    .order = order,
};
