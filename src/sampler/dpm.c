#include "base/compiler.h"
#include "sampler/dpm.h"
#include "sampler/phi.h"
#include "base/math.h"
#include <math.h>

int32_t dmi_dpm_space(int predict)
{
	return predict == DMI_DPM_X0 ? DM_SPACE_X0 : DM_SPACE_EPSILON;
}

int dmi_dpm_possible(dm_emit *e, const dm_step *s, int predict, double eta)
{
	if (eta > 0 && dmi_lambda_step(s->from, s->to) < 0)
		dm_emit_fail(e, DM_ERR_UNSUPPORTED,
		             "sampler: with eta > 0 (or an sde- algorithm) the noise must fall from node to node");
	else if (predict == DMI_DPM_EPSILON && eta > 0 && s->from->alpha == 0)
		dm_emit_fail(
		    e, DM_ERR_UNSUPPORTED,
		    "sampler: sde-dpmsolver cannot start at alpha = 0, where its noise has no bound; use sde-dpmsolver++");
	else
		return 1;
	return 0;
}

static struct dmi_dpm weights_x0(const dm_node *from, const dm_node *to, double h, double eta)
{
	double damp = eta > 0 ? dmi_exp(-eta * h) : 1, big_h = (1 + eta) * h;
	double lead = to->sigma > 0 ? to->sigma / from->sigma * damp : 0;
	double z = to->sigma * sqrt(eta > 0 ? fmax(-dmi_expm1(-2 * eta * h), 0) : 0);
	if (!dmi_is_finite(h) || to->sigma == 0)
		return (struct dmi_dpm){lead, to->alpha - lead * from->alpha, 0, 0, z};
	return (struct dmi_dpm){lead, -to->alpha * dmi_expm1(-big_h), to->alpha * big_h * dmi_phi(2, -big_h),
	                        to->alpha * big_h * dmi_phi(3, -big_h), z};
}

struct dmi_dpm dmi_dpm_weights(const dm_node *from, const dm_node *to, int predict, double eta)
{
	double h = dmi_lambda_step(from, to), scale = -(1 + eta) * to->sigma;
	if (predict == DMI_DPM_X0)
		return weights_x0(from, to, h, eta);
	if (from->alpha == 0)
		return (struct dmi_dpm){0};
	return (struct dmi_dpm){to->alpha / from->alpha, scale * dmi_expm1(h), scale * h * dmi_phi(2, h),
	                        scale * h * dmi_phi(3, h), to->sigma * sqrt(fmax(eta * dmi_expm1(2 * h), 0))};
}

dm_val dmi_emit_data(dm_emit *e, dm_val eval, const dm_node *to)
{
	return dm_emit_linear(e, 1, (dm_term[]){{to->alpha, dm_emit_part(e, eval, DM_PART_PREDICTION, DM_SPACE_X0)}});
}

int dmi_apart(double lambda, double other, double h)
{
	const double of_step = 1e-4, of_lambda = 1e-12;
	double distance = fabs(lambda - other);
	return distance > of_step * fabs(h) && distance > of_lambda * fmax(1, fabs(lambda)) && dmi_is_finite(distance);
}

int dmi_history(const dm_step *s, int wanted)
{
	double h = dmi_lambda_step(s->from, s->to), last = s->from->lambda;
	int n = 0;
	if (!dmi_is_finite(h) || h == 0)
		return 0;
	while (n < wanted && n < s->n_past && dmi_apart(last, s->past[n].at.lambda, h))
		last = s->past[n++].at.lambda;
	return n;
}

/* Divided differences of m over lambda at the start, times h and h^2: over m, and the two predictions before it. */
static void differences(const dm_step *s, int order, double *m1, double *m2)
{
	double h = dmi_lambda_step(s->from, s->to), r0 = (s->from->lambda - s->past[0].at.lambda) / h;
	m1[0] = 1 / r0;
	m1[1] = -1 / r0;
	if (order < 3)
		return;
	double r1 = (s->past[0].at.lambda - s->past[1].at.lambda) / h, sum = r0 + r1;
	double second[3] = {1 / (r0 * sum), -1 / (r0 * r1), 1 / (r1 * sum)};
	for (int k = 0; k < 3; k++) {
		m1[k] += r0 * second[k];
		m2[k] = 2 * second[k];
	}
}

dm_val dmi_emit_multistep(dm_emit *e, const dm_step *s, const struct dmi_multistep *method, dm_val m)
{
	struct dmi_dpm w = dmi_dpm_weights(s->from, s->to, method->predict, method->eta);
	double m1[3] = {0}, m2[3] = {0};
	double slope = method->order == 2 && method->midpoint ? w.m / 2 : w.m1, bend = method->true_order ? w.m2 : w.m2 / 2;
	dm_val value[3] = {m, 0, 0};
	dm_term term[5] = {{w.x, s->x}, {method->s_noise * w.z, 0}};
	if (method->order > 1)
		differences(s, method->order, m1, m2);
	if (term[1].coefficient > 0)
		term[1].value = dm_emit_increment(e, s->from->lambda, s->to->lambda, 0);
	for (int k = 0; k < method->order; k++) {
		if (k) {
			value[k] = s->past[k - 1].prediction;
			dmi_departs_at(e, method->analytic_first, &s->past[k - 1].at);
		}
		term[2 + k] = (dm_term){(k ? 0 : w.m) + slope * m1[k] + bend * m2[k], value[k]};
	}
	if (w.z > 0 && (method->s_noise != 1 || method->predict == DMI_DPM_EPSILON))
		dm_emit_departs(e, DM_DEPARTS_VARIANCE);
	return dm_emit_linear(e, 2 + method->order, term);
}
