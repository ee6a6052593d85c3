#include "base/compiler.h"
#include "sampler/step.h"
#include "base/error.h"
#include "base/text.h"
#include "base/math.h"
#include <math.h>

double dmi_lambda_step(const dm_node *from, const dm_node *to)
{
	return from->lambda == to->lambda ? 0 : to->lambda - from->lambda;
}

double dmi_level(const dm_node *at)
{
	return at->alpha > 0 ? at->sigma / at->alpha : INFINITY;
}

dm_val dmi_emit_line(dm_emit *e, dm_val x, const dm_node *from, dm_val x0, const dm_node *to)
{
	double a = to->sigma > 0 ? to->sigma / from->sigma : 0;
	return dm_emit_linear(e, 2, (dm_term[]){{a, x}, {to->alpha - a * from->alpha, x0}});
}

void dmi_ancestral_split(const dm_node *from, const dm_node *to, double eta, double *down, double *up)
{
	double u = dmi_level(to), fresh = u * sqrt(fmax(-dmi_expm1(-2 * dmi_lambda_step(from, to)), 0));
	*up = fmin(u, eta * fresh);
	*down = sqrt(fmax((u - *up) * (u + *up), 0));
}

dm_node dmi_aim(dm_emit *e, const dm_step *s, double u)
{
	dm_node at;
	dm_status st = dm_schedule_at_lambda(s->schedule, -dmi_log(u), &at, NULL);
	if (st == DM_ERR_CALLBACK)
		dm_emit_fail(e, st, "sampler: the schedule's callback failed at the level that a step aims at");
	return st == DM_OK ? at : *s->to;
}

int dmi_goes_down(dm_emit *e, const dm_step *s, const char *name)
{
	if (dmi_lambda_step(s->from, s->to) >= 0)
		return 1;
	dm_emit_fail(e, DM_ERR_UNSUPPORTED, name);
	return 0;
}

dm_status dmi_check_churn(const struct dmi_options *given, dm_error *err)
{
	const double *o = given->value;
	if (o[DMI_S_CHURN] == 0 || o[DMI_S_TMIN] <= o[DMI_S_TMAX])
		return DM_OK;
	return dmi_fail(
	    err, DM_ERR_ARGUMENT,
	    "sampler: s_tmin = %g is above s_tmax = %g: no level is in the window, and s_churn = %g has no effect",
	    o[DMI_S_TMIN], o[DMI_S_TMAX], o[DMI_S_CHURN]);
}

double dmi_churn_factor(const dm_step *s)
{
	double u = dmi_level(s->from);
	const double *option = s->option;
	double gamma = fmin(option[DMI_S_CHURN] / (double)s->n_step, sqrt(2) - 1);
	return u >= option[DMI_S_TMIN] && u <= option[DMI_S_TMAX] && dmi_is_finite(u) ? gamma : 0;
}

dm_val dmi_emit_churn(dm_emit *e, const dm_step *s, dm_node *at)
{
	double t_noise, u = dmi_level(s->from), gamma = dmi_churn_factor(s);
	*at = *s->from;
	if (!(gamma > 0) || !(u > 0))
		return s->x;
	dm_status st = dm_schedule_at_lambda(s->schedule, s->from->lambda - dmi_log1p(gamma), at, NULL);
	if (st == DM_ERR_CALLBACK)
		dm_emit_fail(e, st, "churn: the schedule's callback failed at the level above the node");
	if (st != DM_OK) { /* beyond the noise end: up to it */
		dm_schedule_range(s->schedule, NULL, &t_noise);
		if (dm_schedule_at_time(s->schedule, t_noise, at, NULL) != DM_OK || !(at->lambda < s->from->lambda)) {
			*at = *s->from;
			return s->x;
		}
	}
	double fresh = at->sigma * sqrt(fmax(-dmi_expm1(2 * (at->lambda - s->from->lambda)), 0));
	if (s->option[DMI_S_NOISE] != 1)
		dm_emit_departs(e, DM_DEPARTS_VARIANCE);
	dm_val z = dm_emit_noise(e, s->step, 0);
	return dm_emit_linear(e, 2, (dm_term[]){{at->alpha / s->from->alpha, s->x}, {s->option[DMI_S_NOISE] * fresh, z}});
}

void dmi_refuse(dm_emit *e, dm_status status, const char *format, ...)
{
	char message[256];
	struct dmi_text text = {message, sizeof message, 0};
	va_list list;
	va_start(list, format);
	dmi_text_format_list(&text, format, list, NULL);
	va_end(list);
	dm_emit_fail(e, status, message);
}
