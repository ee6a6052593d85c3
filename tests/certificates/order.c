/* The order of convergence on a Gaussian mixture with exact score. */
#include "base/compiler.h"
#include "certificates/facts.h"
#include "certificates/order.h"
#include "certificates/slope.h"
#include "certificates/world.h"
#include "base/math.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The probability-flow ODE of every process is dy = (y - x0) d ln(u) with y = x/alpha, u = sigma/alpha. Classical
 * Runge-Kutta of order 4 over so many steps: its error is rounding. */
enum { N_FINE = 64000 };

static double fine_solution(double y)
{
	double top = dmi_log(TOP), h = (dmi_log(BOTTOM) - top) / N_FINE, u = TOP;
	for (int i = 0; i < N_FINE; i++) {
		double middle = dmi_exp(top + (i + 0.5) * h), next = dmi_exp(top + (i + 1) * h);
		double k1 = y - exact_x0(&mixture, y, 1, u), y2 = y + h / 2 * k1;
		double k2 = y2 - exact_x0(&mixture, y2, 1, middle), y3 = y + h / 2 * k2;
		double k3 = y3 - exact_x0(&mixture, y3, 1, middle), y4 = y + h * k3;
		y += h / 6 * (k1 + 2 * k2 + 2 * k3 + y4 - exact_x0(&mixture, y4, 1, next));
		u = next;
	}
	return y;
}

/* Of every process the states that are followed, at the first and the last node. */
struct solutions {
	double start[N_PROCESS][N_START], end[N_PROCESS][N_START];
};

static const struct solutions *solve(void)
{
	static struct solutions solutions, *known;
	if (known)
		return known;
	known = &solutions;
	for (int e = 0; e < N_START; e++) {
		double y = TOP * (-1.75 + 0.5 * e) + 0.3, solved = fine_solution(y);
		for (int p = 0; p < N_PROCESS; p++) {
			dm_node node[2];
			find_ends(&processes[p], node);
			known->start[p][e] = node[0].alpha * y;
			known->end[p][e] = node[1].alpha * solved;
		}
	}
	return known;
}

/* The largest error over the starts, and the evaluations it took; NaN where there is no result. */
static double error_of(struct page *page, const struct solutions *known, int p, const char *sampler, int32_t steps,
                       int64_t *evaluations)
{
	char grid[100];
	double x[N_START], worst = 0;
	struct world world = {&mixture, processes[p].model, 0};
	dm_error err = {0};
	write_grid(grid, sizeof grid, steps);
	dm_plan *plan = make_plan(sampler, &processes[p], grid, &world, &err);
	if (!plan || run_plan(plan, known->start[p], x, &err) != DM_OK) {
		fault(page, "%s, %s, %d steps: %s", sampler, processes[p].title, (int)steps, err.message);
		worst = NAN;
	}
	dm_plan_free(plan);
	for (int e = 0; e < N_START && worst >= 0; e++)
		worst = x[e] - x[e] == 0 ? fmax(worst, fabs(x[e] - known->end[p][e])) : NAN;
	*evaluations = world.evaluations;
	return worst;
}

/* An adaptive method goes over one interval, in steps that its controller, switched off, leaves at h_init. */
static double error_at(struct page *page, const struct solutions *known, int p, const char *spec, int32_t steps)
{
	char sampler[160];
	int64_t evaluations;
	if (!is_of_method(spec, "dpm_adaptive"))
		return error_of(page, known, p, spec, steps, &evaluations);
	snprintf(sampler, sizeof sampler, "%s,h_init=%.17g", spec, dmi_log(TOP / BOTTOM) / steps);
	return error_of(page, known, p, sampler, 1, &evaluations);
}

enum { N_ERROR = 7 }; /* up to 1536 steps */

static void say_order(struct page *page, const struct solutions *known, const struct setting *s)
{
	int32_t nominal = order_of(page, s->spec);
	say(page, "| `%s` | %d |", s->spec, (int)nominal);
	if (nominal == 0)
		fault(page, "%s: no order is stated", s->spec);
	for (int p = 0; p < N_PROCESS; p++) {
		double error[N_ERROR];
		for (int k = 0; k < N_ERROR; k++)
			error[k] = error_at(page, known, p, s->spec, FEWEST << k);
		check_slope(page, s, processes[p].title, slope_of(error, N_ERROR), nominal);
		say(page, " %.2f (%.1e) |", slope_of(error, N_ERROR), error_at(page, known, p, s->spec, SHOWN));
	}
	say_cost(page, s->spec);
	say(page, " %s |\n", s->note ? s->note : "");
}

void say_orders(struct page *page)
{
	const struct solutions *known = solve();
	say(page, "| setting | order | VP | VE | flow | evaluations | history | arrays | note |\n"
	          "|---|---|---|---|---|---|---|---|---|\n");
	for (const struct setting *s = orders; s->spec; s++)
		if (draws_of(s->spec))
			fault(page, "%s draws: it has a weak order", s->spec);
		else
			say_order(page, known, s);
	const dm_method *method;
	for (int32_t k = 0; (method = dm_method_at(DM_KIND_SAMPLER, k)) != NULL; k++) {
		struct setting own;
		for (int i = 0; !has_settings(method->name) && property_setting(method->name, DRAWS_NONE, i, &own); i++)
			say_order(page, known, &own);
	}
}

/* ------------------------------------------------------------------------------------- methods that choose their steps
 */

static const char *const tolerances[] = {"1e-4", "1e-5", "1e-6", "1e-7", "1e-8", "1e-9"};
enum { N_TOLERANCE = sizeof tolerances / sizeof *tolerances };

/* The slope of the error over the tolerance. */
static double slope_over_tolerance(const double error[N_TOLERANCE])
{
	return dmi_log(error[0] / error[N_TOLERANCE - 1]) / ((N_TOLERANCE - 1) * dmi_log(10));
}

/* The slope over the evaluations, once the steps are small. */
static double slope_over_evaluations(const double error[N_TOLERANCE], const int64_t taken[N_TOLERANCE])
{
	enum { FIRST = 2, LAST = N_TOLERANCE - 1 };
	return dmi_log(error[FIRST] / error[LAST]) / dmi_log((double)taken[LAST] / (double)taken[FIRST]);
}

/* Measured at every tolerance, shown at 1e-6. */
static void say_tolerances(struct page *page, const struct solutions *known, int p, const struct setting *s)
{
	enum { AT = 2, POWER = 1 };
	double error[N_TOLERANCE];
	int64_t taken[N_TOLERANCE];
	char sampler[160];
	for (int k = 0; k < N_TOLERANCE; k++) {
		snprintf(sampler, sizeof sampler, "%s%crtol=%s,atol=%s", s->spec, strchr(s->spec, ':') ? ',' : ':',
		         tolerances[k], tolerances[k]);
		error[k] = error_of(page, known, p, sampler, 1, &taken[k]);
	}
	double order = slope_over_evaluations(error, taken);
	check_slope(page, s, processes[p].title, slope_over_tolerance(error), POWER);
	check_slope(page, s, processes[p].title, order, order_of(page, s->spec));
	say(page, " %.2f, %.2f (%.1e, %d) |", slope_over_tolerance(error), order, error[AT], (int)taken[AT]);
}

void say_adaptive_orders(struct page *page)
{
	const struct solutions *known = solve();
	say(page, "| setting | order | VP | VE | flow | note |\n|---|---|---|---|---|---|\n");
	for (const struct setting *s = adaptive_orders; s->spec; s++) {
		say(page, "| `%s` | %d |", s->spec, (int)order_of(page, s->spec));
		for (int p = 0; p < N_PROCESS; p++)
			say_tolerances(page, known, p, s);
		say(page, " %s |\n", s->note ? s->note : "");
	}
}
