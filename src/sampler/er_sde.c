/* ER-SDE-Solver, orders 1 to 3 (Cui 2023, section 4, in the form of ComfyUI sample_er_sde), in u = sigma/alpha, with
 * f(u) = u (e^(u^0.3) + 10) (standard) or u^noise_power (power) and r = f(u')/f(u):
 *
 *     x' = alpha' (r x/alpha + (1 - r) x0 + (g + f(u') S_1) m1 + (g^2/2 + f(u') S_2) m2 + s_noise sqrt(u'^2 - r^2 u^2) z)
 *     g = u' - u,   S_k = integral from u' to u of (p - u)^(k-1) / f(p) dp
 *
 * m1 and m2 are slope and curvature of x0 over u at the start, from the two (order 2) or three newest predictions. noise_power = 1
 * is the ODE, without noise. The integrals run over ln u by composite Gauss of three points. compat = comfyui: sums of
 * 200 one-sided points, and at order 3 the difference of the two newest as slope, which makes order 3 one of order 2.
 * start = rk makes the first steps of order 3 by an evaluation half-way in lambda. State: two earlier predictions. */
#include "base/compiler.h"
#include "sampler/dpm.h"
#include "sampler/er_way.h"
#include "sampler/nominal.h"
#include "base/math.h"

enum { ORDER, S_NOISE, NOISE_SCALER, NOISE_POWER, COMPAT, START, ANALYTIC_FIRST };
enum { STANDARD, POWER };

static const char *const scalers[] = {"standard", "power", NULL};
static const char *const compats[] = {"none", "comfyui", NULL};

static const dm_option options[] = {
    DMI_INTEGER("order", "order of the deterministic part", 3, 1, 3),
    DMI_REAL("s_noise", "deviation of the fresh noise, 1 keeps the variance", 1, 0, 100),
    DMI_CHOICE("noise_scaler", "standard: u (e^(u^0.3) + 10); power: u^noise_power", STANDARD, scalers),
    DMI_REAL("noise_power", "1: the ODE", 1, 1, 10),
    DMI_CHOICE("compat", "comfyui: sums of 200 points, and the difference as slope", 0, compats),
    DMI_START,
    DMI_ANALYTIC_FIRST,
};

/* r = u'/u, which leaves no room for fresh noise. */
static int is_ode(const double *option)
{
	return option[NOISE_SCALER] == POWER && option[NOISE_POWER] == 1;
}

static struct dmi_er_way way(const dm_step *s, const dm_node *from, const dm_node *to)
{
	struct dmi_er_scaler scaler = {s->option[NOISE_SCALER] == POWER ? s->option[NOISE_POWER] : 0,
	                               s->option[COMPAT] != 0};
	struct dmi_er_way w = dmi_er_way(&scaler, dmi_level(from), dmi_level(to));
	if (is_ode(s->option)) /* from alpha = 0 too, where the noise is kept as it is */
		w.fresh = 0;
	return w;
}

/* alpha' r / alpha; from alpha = 0 its limit. */
static double kept(const dm_step *s, const dm_node *to, double r)
{
	if (s->from->alpha == 0)
		return is_ode(s->option) ? to->sigma / s->from->sigma : 0;
	return to->alpha * r / s->from->alpha;
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

/* alpha' (r x/alpha + sum c_k m_k + s_noise sum noise_k z_k), n predictions, draw k of the step from lambda_k to
 * lambda_(k+1). */
static dm_val advance(dm_emit *e, const dm_step *s, const dm_node *to, double r, int n, const double *c,
                      const dm_val *m, int n_draw, const double *noise, const double *lambda)
{
	dm_term term[6] = {{kept(s, to, r), s->x}};
	for (int k = 0; k < n; k++)
		term[1 + k] = (dm_term){to->alpha * c[k], m[k]};
	for (int k = 0; k < n_draw; k++) {
		double dev = to->alpha * s->option[S_NOISE] * noise[k];
		term[1 + n + k] = (dm_term){dev, dev > 0 ? dm_emit_increment(e, lambda[k], lambda[k + 1], k) : 0};
	}
	return dm_emit_linear(e, 1 + n + n_draw, term);
}

/* A step of order 2 of its own: the slope from a second evaluation half-way in lambda, the noise in two parts. */
static dm_val single(dm_emit *e, const dm_step *s, dm_val x0)
{
	dm_node at;
	dm_status st = dm_schedule_at_lambda(s->schedule, (s->from->lambda + s->to->lambda) / 2, &at, NULL);
	if (st != DM_OK)
		dm_emit_fail(e, st, "start=rk: the schedule has no level between two nodes of the grid");
	struct dmi_er_way half = way(s, s->from, &at), rest = way(s, &at, s->to), all = way(s, s->from, s->to);
	double way = dmi_level(&at) - dmi_level(s->from), c = way < 0 ? all.slope / way : 0; /* 0: a step of one ulp */
	double noise[2] = {rest.r * half.fresh, rest.fresh};
	double lambda[3] = {s->from->lambda, at.lambda, s->to->lambda};
	dm_val x = advance(e, s, &at, half.r, 1, &half.x0, &x0, 1, &half.fresh, lambda);
	dm_val m[2] = {x0, dm_emit_eval(e, x, &at, DM_SPACE_X0)};
	return advance(e, s, s->to, all.r, 2, (double[]){all.x0 - c, c}, m, 2, noise, lambda);
}

static dm_val multistep(dm_emit *e, const dm_step *s, int order, dm_val x0)
{
	double m1[3] = {0}, m2[3] = {0}, c[3];
	struct dmi_er_way w = way(s, s->from, s->to);
	dm_val m[3] = {x0, 0, 0};
	if (order > 1)
		differences(s, order, dmi_level(s->from), m1, m2);
	for (int k = 0; k < order; k++) {
		c[k] = (k ? 0 : w.x0) + w.slope * m1[k] + w.bend * m2[k];
		m[k] = k ? s->past[k - 1].prediction : x0;
		if (k)
			dmi_departs_at(e, s->option[ANALYTIC_FIRST] != 0, &s->past[k - 1].at);
	}
	return advance(e, s, s->to, w.r, order, c, m, 1, &w.fresh, (double[]){s->from->lambda, s->to->lambda});
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	int wanted = (int)s->option[ORDER], order = 1 + dmi_history(s, wanted - 1);
	(void)user;
	if (!dmi_goes_down(e, s, "sampler \"er_sde\" needs noise that falls from node to node"))
		return DM_OK;
	if (s->to->alpha == 0) {
		dm_emit_fail(e, DM_ERR_UNSUPPORTED, "sampler \"er_sde\" cannot step to a node with alpha = 0");
		return DM_OK;
	}
	struct dmi_seen seen = dmi_see(e, s, s->option[ANALYTIC_FIRST] != 0);
	dm_val x0 = dmi_view(e, &seen, DM_SPACE_X0);
	if (dmi_starts(s, (int)s->option[START], wanted, order))
		dm_emit_state(e, single(e, s, x0));
	else
		dm_emit_state(e, multistep(e, s, order, x0));
	if (s->option[S_NOISE] != 1 && way(s, s->from, s->to).fresh > 1e-7 * dmi_level(s->to))
		dm_emit_departs(e, DM_DEPARTS_VARIANCE);
	dm_emit_push(e, s->from, x0, order);
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	const double *o = given->value;
	int32_t ode = dmi_started_order(o[ORDER], o[START], o[ANALYTIC_FIRST]);
	return o[COMPAT] != 0 ? 0 : dmi_noisy_order(!is_ode(o), o[S_NOISE], ode, ode < 2 ? ode : 2);
}

static dm_status check(const struct dmi_options *given, dm_error *err)
{
	static const struct dmi_need needs[] = {{NOISE_POWER, NOISE_SCALER, POWER}};
	return dmi_options_check_needs(given, "sampler", "er_sde", options, needs, sizeof needs / sizeof *needs, err);
}

const struct dmi_sampler_type dmi_sampler_er_sde = {
    .method = DMI_METHOD_KNOWN("er_sde", "extended reverse-time SDE, orders 1 to 3", "Cui 2023", options,
                               "ComfyUI: er_sde (compat=comfyui); stable-diffusion.cpp: er_sde"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .n_past = 2, .step = step},
    .order = order,
    .check = check,
};
