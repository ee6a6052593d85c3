#include "base/compiler.h"
#include "sampler/reverse_sde.h"
#include <math.h>

int dmi_is_vp(const dm_node *at)
{
	return fabs(at->alpha * at->alpha + at->sigma * at->sigma - 1) < 1e-9;
}

dm_status dmi_reverse_sde(const dm_step *s, struct dmi_reverse_sde *out)
{
	const dm_node *from = s->from, *to = s->to;
	double f, g2, dt = from->t - to->t;
	dm_status st = dm_schedule_sde(s->schedule, from->t, &f, &g2, NULL);
	out->a = from->alpha / to->alpha;
	out->b = fmax(from->sigma * from->sigma - out->a * out->a * to->sigma * to->sigma, 0);
	out->drift = f * dt;
	out->noise = g2 * dt;
	out->next_sigma = to->sigma;
	out->std = from->sigma;
	return st;
}

dm_status dmi_reverse_sde_of_tables(const dm_step *s, struct dmi_reverse_sde *out)
{
	double n = (double)s->n_step, i = floor(s->from->t * (n - 1)), f, g2, f_i, g2_i, last = 0;
	dm_node at, below;
	dm_status st = dm_schedule_sde(s->schedule, s->from->t, &f, &g2, NULL);
	if (st == DM_OK)
		st = dm_schedule_sde(s->schedule, i / (n - 1), &f_i, &g2_i, NULL);
	if (st == DM_OK)
		st = dm_schedule_at_time(s->schedule, i / (n - 1), &at, NULL);
	if (st == DM_OK && i > 0) {
		st = dm_schedule_at_time(s->schedule, (i - 1) / (n - 1), &below, NULL);
		last = below.sigma;
	}
	if (st != DM_OK)
		return st;
	out->drift = f / n;
	out->noise = g2 / n;
	out->std = s->from->sigma;
	if (s->from->alpha == 1) { /* ve */
		*out = (struct dmi_reverse_sde){1, at.sigma * at.sigma - last * last, 0, out->noise, last, at.sigma};
	} else if (dmi_is_vp(s->from)) {
		out->b = g2_i / n;
		out->a = sqrt(1 - out->b);
		out->next_sigma = out->std; /* that code's ancestral step on vp adds sqrt(b) z */
	} else {
		out->b = g2 / n;
		out->a = 1 + f / n;
	}
	return DM_OK;
}
