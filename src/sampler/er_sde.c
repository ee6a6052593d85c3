/* ER-SDE-Solver, orders 1 to 3 (Cui 2023, section 4, in the form of ComfyUI sample_er_sde), in u = sigma/alpha, with
 * f(u) = u (e^(u^0.3) + 10) (standard) or u^noise_power (power) and r = f(u')/f(u):
 *
 *     x' = alpha' (r x/alpha + (1 - r) x0 + (g + f(u') S_1) m1 + (g^2/2 + f(u') S_2) m2 + s_noise sqrt(u'^2 - r^2 u^2) z)
 *     g = u' - u,   S_k = integral from u' to u of (p - u)^(k-1) / f(p) dp
 *
 * m1 and m2 are slope and curvature of x0 over u at the start, from the two (order 2) or three newest predictions. noise_power = 1
 * with s_noise = 0 is the ODE. The integrals run over ln u by composite Gauss of three points. compat = comfyui: sums of
 * 200 one-sided points, and at order 3 the difference of the two newest as slope, which makes order 3 one of order 2.
 * State: two earlier predictions. */
#include "base/compiler.h"
#include "sampler/dpm.h"
#include "base/math.h"
#include <math.h>

enum { ORDER, S_NOISE, NOISE_SCALER, NOISE_POWER, COMPAT, ANALYTIC_FIRST };
enum { STANDARD, POWER };

static const char *const scalers[] = {"standard", "power", NULL};
static const char *const compats[] = {"none", "comfyui", NULL};

static const dm_option options[] = {
    DMI_INTEGER("order", "order of the deterministic part", 3, 1, 3),
    DMI_REAL("s_noise", "deviation of the fresh noise, 1 keeps the variance", 1, 0, 100),
    DMI_CHOICE("noise_scaler", "standard: u (e^(u^0.3) + 10); power: u^noise_power", STANDARD, scalers),
    DMI_REAL("noise_power", "1: the ODE if s_noise = 0", 1, 1, 10),
    DMI_CHOICE("compat", "comfyui: sums of 200 points, and the difference as slope", 0, compats),
    DMI_ANALYTIC_FIRST,
};

/* f(u) / u */
static double scaler(const dm_step *s, double u)
{
	if (s->option[NOISE_SCALER] == POWER)
		return dmi_pow(u, s->option[NOISE_POWER] - 1);
	return dmi_exp(dmi_pow(u, 0.3)) + 10;
}

/* dp / f(p) = dl / (f(p)/p) with p = e^l. */
static void integrals(const dm_step *s, double u, double u_to, double *s1, double *s2)
{
	double l = dmi_log(u_to), width = dmi_log(u) - l, root = sqrt(3.0 / 5) / 2;
	int n = 32 * (1 + (int)fmin(ceil(width), 64));
	*s1 = *s2 = 0;
	for (int i = 0; i < 3 * n; i++) {
		int point = i % 3 - 1;
		double p = dmi_exp(l + width / n * (i / 3 + 0.5 + point * root));
		double term = (point ? 5.0 / 18 : 8.0 / 18) * width / n / scaler(s, p);
		*s1 += term;
		*s2 += term * (p - u);
	}
}

static void sums(const dm_step *s, double u, double u_to, double *s1, double *s2)
{
	double part = (u - u_to) / 200;
	*s1 = *s2 = 0;
	for (int m = 0; m < 200; m++) {
		double p = u_to + m * part, term = part / (p * scaler(s, p));
		*s1 += term;
		*s2 += term * (p - u);
	}
}

/* Slope and curvature over u as weights of the newest prediction and the order - 1 before it. */
static void differences(const dm_step *s, int order, double u, double *m1, double *m2)
{
	double u1 = dmi_level(&s->past[0].at), a = 1 / (u - u1);
	m1[0] = a;
	m1[1] = -a;
	if (order < 3)
		return;
	double u2 = dmi_level(&s->past[1].at), b = 1 / (u1 - u2), c = 2 / (u - u2);
	double bend[3] = {c * a, -c * (a + b), c * b};
	for (int k = 0; k < 3; k++) {
		m2[k] = bend[k];
		m1[k] += s->option[COMPAT] != 0 ? 0 : bend[k] * (u - u1) / 2;
	}
}

/* The weights of the predictions over alpha', into c. */
static void weigh(const dm_step *s, int order, double u, double u_to, double r, double *c)
{
	double m1[3] = {0}, m2[3] = {0}, s1, s2, g = u_to - u, f = u_to * scaler(s, u_to);
	c[0] = 1 - r;
	c[1] = c[2] = 0;
	if (order < 2)
		return;
	differences(s, order, u, m1, m2);
	if (s->option[COMPAT] != 0)
		sums(s, u, u_to, &s1, &s2);
	else
		integrals(s, u, u_to, &s1, &s2);
	for (int k = 0; k < order; k++)
		c[k] += (g + f * s1) * m1[k] + (g * g / 2 + f * s2) * m2[k];
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	double u = dmi_level(s->from), u_to = dmi_level(s->to), c[3], alpha = s->to->alpha;
	int analytic = s->option[ANALYTIC_FIRST] != 0, order = 1 + dmi_history(s, (int)s->option[ORDER] - 1);
	(void)user;
	if (!dmi_goes_down(e, s, "sampler \"er_sde\" needs noise that falls from node to node"))
		return DM_OK;
	if (alpha == 0) {
		dm_emit_fail(e, DM_ERR_UNSUPPORTED, "sampler \"er_sde\" cannot step to a node with alpha = 0");
		return DM_OK;
	}
	double r = dmi_is_finite(u) && u_to > 0 ? u_to / u * (scaler(s, u_to) / scaler(s, u)) : 0;
	double fresh = sqrt(fmax(u_to * u_to - (r > 0 ? r * r * u * u : 0), 0)), s_noise = s->option[S_NOISE];
	struct dmi_seen seen = dmi_see(e, s, analytic);
	dm_term term[5] = {{r > 0 ? alpha * r / s->from->alpha : 0, s->x}, {0, dmi_view(e, &seen, DM_SPACE_X0)}};
	weigh(s, order, u, u_to, r, c);
	for (int k = 0; k < order; k++) {
		term[1 + k].coefficient = alpha * c[k];
		if (k) {
			term[1 + k].value = s->past[k - 1].prediction;
			dmi_departs_at(e, analytic, &s->past[k - 1].at);
		}
	}
	if (s_noise != 1 && fresh > 1e-7 * u_to)
		dm_emit_departs(e, DM_DEPARTS_VARIANCE);
	if (s_noise * fresh > 0)
		term[1 + order] = (dm_term){alpha * s_noise * fresh, dm_emit_noise(e, s->step, 0)};
	dm_emit_state(e, dm_emit_linear(e, 2 + order, term));
	dm_emit_push(e, s->from, term[1].value, order);
	return DM_OK;
}

const struct dmi_sampler_type dmi_sampler_er_sde = {
    .method = DMI_METHOD("er_sde", "extended reverse-time SDE, orders 1 to 3", "Cui 2023", options),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .n_past = 2, .step = step},
};
