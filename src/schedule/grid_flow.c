/* Grids of flow models, in s. On another process the node is the one with sigma/(alpha + sigma) = s.
 *
 *   1 values    evenly spaced from top to bottom, or `at`. extra = 1: N + 1 values, the last one dropped
 *               (final=included keeps it). extra = 0: N values, both ends included
 *   2 shift     s <- m s / (1 + (m - 1) s), m = shift; then, with `dynamic`, m = e^mu (exponential) or mu (linear),
 *               where mu is given, or follows from `tokens` (Esser et al. 2024, eq. 23; Flux; Flux 2)
 *   3 terminal  1 - s <- (1 - s) (1 - terminal) / (1 - s_last): the last value becomes terminal (LTX)
 *   4 respace   the same number of values between the first and the last, as that level grid has them
 *   5 cap       the first value at most cap: below 1 keeps lambda finite at the start
 *   6 invert    1 and the mirror image 1 - s of every value: for direction=up and final=included */
#include "base/compiler.h"
#include "schedule/grid.h"
#include "base/error.h"
#include "base/math.h"
#include "base/quantile.h"
#include <math.h>
#include <string.h>

enum { SHIFT = DMI_GRID_OWN, TOP, BOTTOM, EXTRA, CAP, DYNAMIC, MU, MU_RULE, TOKENS, TERMINAL, RESPACE, INVERT };
enum { DYNAMIC_NONE, EXPONENTIAL, LINEAR };
enum { MU_GIVEN, MU_LINE, MU_FLUX2 };
enum { RESPACE_NONE, KARRAS, EXPONENTIALLY, BETA };
static const char *const dynamics[] = {"none", "exponential", "linear", NULL};
static const char *const mu_rules[] = {"given", "line", "flux2", NULL};
static const char *const respaces[] = {"none", "karras", "exponential", "beta", NULL};

double dmi_flow_shift(double m, double s)
{
	return m == 1 ? s : m * s / (1 + (m - 1) * s);
}

/* The published fit of mu over tokens and steps: a line over the steps through those of 10 and 200 steps, each a line
 * over the tokens; above 4300 tokens that of 200 steps. */
static double flux2_mu(double tokens, double steps)
{
	double at_200 = 0.00016927 * tokens + 0.45666666, at_10 = 8.73809524e-05 * tokens + 1.89833333;
	return tokens > 4300 ? at_200 : at_200 + (steps - 200) * (at_200 - at_10) / 190;
}

static double find_mu(const dm_grid *g)
{
	const double *option = g->options.value;
	if (option[MU_RULE] == MU_GIVEN)
		return option[MU];
	if (option[MU_RULE] == MU_LINE)
		return dm_flow_mu(option[TOKENS], 256, 4096, 0.5, 1.15);
	return flux2_mu(option[TOKENS], option[DMI_GRID_STEPS]);
}

static dm_status shift(const dm_grid *g, double *s, size_t n, dm_error *err)
{
	const double *option = g->options.value;
	double mu = find_mu(g), m = option[DYNAMIC] == EXPONENTIAL ? dmi_exp(mu) : option[DYNAMIC] == LINEAR ? mu : 1;
	if (!(m > 0))
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"flow\": mu = %g must be above 0 with dynamic=linear", mu);
	for (size_t i = 0; i < n; i++)
		s[i] = dmi_flow_shift(m, dmi_flow_shift(option[SHIFT], s[i]));
	return DM_OK;
}

static dm_status stretch(const dm_grid *g, double *s, size_t n, dm_error *err)
{
	double terminal = g->options.value[TERMINAL], last = s[n - 1];
	if (!(terminal > 0))
		return DM_OK;
	if (last >= 1)
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"flow\": terminal = %g needs a last value below 1, not %g",
		                terminal, last);
	for (size_t i = 0; i < n; i++)
		s[i] = 1 - (1 - s[i]) * ((1 - terminal) / (1 - last));
	return DM_OK;
}

static double respaced(int rule, double max, double min, double r)
{
	if (rule == KARRAS)
		return dmi_level_karras(max, min, r, 7);
	if (rule == EXPONENTIALLY)
		return dmi_level_exponential(max, min, r);
	return min + (max - min) * dmi_beta_quantile(1 - r, 0.6, 0.6);
}

static dm_status respace(const dm_grid *g, double *s, size_t n, dm_error *err)
{
	int rule = (int)g->options.value[RESPACE];
	double max = s[0], min = s[n - 1];
	if (rule == RESPACE_NONE)
		return DM_OK;
	if (!(min > 0))
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"flow\": respace=%s needs a last value above 0, not %g",
		                respaces[rule], min);
	for (size_t i = 1; i + 1 < n; i++)
		s[i] = respaced(rule, max, min, (double)i / (double)(n - 1));
	return DM_OK;
}

static dm_status push_all(dm_grid *g, const double *s, size_t n, dm_error *err)
{
	int invert = g->options.value[INVERT] == 1;
	dm_status st = invert ? dmi_grid_push_s(g, 1, err) : DM_OK;
	for (size_t i = 0; st == DM_OK && i < n; i++)
		st = dmi_grid_push_s(g, invert ? 1 - s[n - 1 - i] : fmin(s[i], g->options.value[CAP]), err);
	return st;
}

/* The values as they are before the shift; n of them. */
static dm_status base_values(const dm_grid *g, double *s, size_t n, dm_error *err)
{
	const struct dmi_options *o = &g->options;
	if (!o->n_list) {
		for (size_t i = 0; i < n; i++)
			s[i] = dmi_even(o->value[TOP], o->value[BOTTOM], i, dmi_grid_steps(g) + (size_t)o->value[EXTRA]);
		return DM_OK;
	}
	memcpy(s, o->list, n * sizeof *s);
	return dmi_grid_check_count(g, n, "values", err);
}

static dm_status needs(const dm_grid *g, int32_t k, int is_met, const char *what, dm_error *err)
{
	return is_met ? DM_OK
	              : dmi_option_needs(&g->options, "grid", g->method->info.name, g->method->option, k, what, err);
}

/* Options that do nothing without another one. */
static dm_status check_company(const dm_grid *g, dm_error *err)
{
	const double *option = g->options.value;
	int dynamic = option[DYNAMIC] != DYNAMIC_NONE, given = option[MU_RULE] == MU_GIVEN;
	static const char *const shifts = "dynamic=exponential or linear", *const rules = "mu_rule=line or flux2";
	dm_status st = needs(g, MU, dynamic, shifts, err);
	if (st == DM_OK)
		st = needs(g, MU_RULE, dynamic, shifts, err);
	if (st == DM_OK)
		st = needs(g, TOKENS, dynamic, shifts, err);
	if (st == DM_OK)
		st = needs(g, TOKENS, !given, rules, err);
	return st == DM_OK ? needs(g, MU, given, "mu_rule=given", err) : st;
}

static dm_status check(const dm_grid *g, dm_error *err)
{
	const double *option = g->options.value;
	dm_status st = check_company(g, err);
	if (st != DM_OK)
		return st;
	if (!(option[BOTTOM] < option[TOP]))
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"flow\": bottom (%g) must be below top (%g)", option[BOTTOM],
		                option[TOP]);
	if (option[INVERT] == 1 && !dmi_grid_final_is(g, DMI_FINAL_INCLUDED))
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "grid \"flow\": invert=1 begins at s = 1 and ends with its last value: give final=included");
	if (option[MU_RULE] != MU_GIVEN && !(option[TOKENS] > 0))
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"flow\": mu_rule=%s needs the number of tokens",
		                mu_rules[(int)option[MU_RULE]]);
	return DM_OK;
}

static dm_status fill(dm_grid *g, dm_error *err)
{
	const double *option = g->options.value;
	const dm_allocator *memory = &g->object.allocator;
	int keep = dmi_grid_keeps_last(g) && option[INVERT] == 0;
	size_t n = g->options.n_list ? g->options.n_list : dmi_grid_steps(g) + (keep ? (size_t)option[EXTRA] : 0);
	dm_status st = check(g, err);
	if (st != DM_OK)
		return st;
	double *s = dmi_allocate(memory, n, sizeof *s, err);
	if (!s)
		return DM_ERR_MEMORY;
	st = base_values(g, s, n, err);
	if (st == DM_OK)
		st = shift(g, s, n, err);
	if (st == DM_OK)
		st = stretch(g, s, n, err);
	if (st == DM_OK)
		st = respace(g, s, n, err);
	if (st == DM_OK)
		st = push_all(g, s, n, err);
	dmi_release_memory(memory, s, n * sizeof *s);
	return st;
}

static const dm_option options[] = {
    DMI_GRID_OPTIONS,
    DMI_REAL("shift", "above 1: more steps near the noise", 1, 1e-3, 1e3),
    DMI_REAL("top", "first s before the shift", 1, 0, 1),
    DMI_REAL("bottom", "last s before the shift", 0, 0, 1),
    DMI_GRID_EXTRA(1),
    DMI_REAL("cap", "largest s after the shift; below 1 it keeps lambda finite at the start", 1, 0, 1),
    DMI_CHOICE("dynamic", "a second shift, by e^mu or by mu", 0, dynamics),
    DMI_REAL("mu", "of the dynamic shift", 1.15, -20, 1000),
    DMI_CHOICE("mu_rule", "mu as given, on the line 256 to 4096 tokens: 0.5 to 1.15, or by the fit of Flux 2", 0,
               mu_rules),
    DMI_REAL("tokens", "length of the picture's sequence, for mu_rule", 0, 0, 1e9),
    DMI_REAL("terminal", "stretch so that the last value is this; 0: do not", 0, 0, 0.999),
    DMI_CHOICE("respace", "space the values between the ends anew (rho 7; Beta(0.6, 0.6))", 0, respaces),
    DMI_INTEGER("invert", "1: the mirror image 1 - s of every value, from 1 on", 0, 0, 1),
    DMI_LIST("at", "values of s before the shift, in place of top and bottom", 0, 1),
};

const struct dmi_grid_family dmi_grid_flow = {
    DMI_METHOD_KNOWN("flow", "even in s, shifted", "Esser et al. 2024 (rectified flow transformers), eq. 23", options,
                     "diffusers: FlowMatchEulerDiscreteScheduler (shift, use_dynamic_shifting, shift_terminal), "
                     "MiniMaxH3Scheduler (shift); ComfyUI: ModelSamplingSD3 (shift), ModelSamplingFlux; "
                     "stable-diffusion.cpp: flux, flux2, ltx2"),
    fill,
};
