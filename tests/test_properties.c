/* What must hold for every method on every process: order of convergence, the two identities of a plan, counts, the
 * exact end, the methods that are the same. */
#include "properties.h"
#include "property_table.h"

/* -------------------------------------------------------------------------------------------------- the table itself */

static void every_sampler_has_a_row(void **state)
{
	(void)state;
	const dm_method *registered;
	for (int32_t i = 0; (registered = dm_method_at(DM_KIND_SAMPLER, i)) != NULL; i++) {
		int rows = 0;
		for (int k = 0; k < N_METHOD; k++)
			rows += strcspn(methods[k].spec, ":") == strlen(registered->name) &&
			        !strncmp(methods[k].spec, registered->name, strlen(registered->name));
		if (!rows)
			fail_msg("sampler \"%s\" has no row in the property table", registered->name);
	}
}

/* -------------------------------------------------------------------------------------------------------------- order */

enum { N_START = 8, N_DOUBLING = 3 };

/* Over ln(sigma/alpha) the state over alpha obeys dy = (y - x0) dl. */
static double slope(const struct target *t, const dm_schedule *schedule, double l, double y)
{
	dm_node at;
	assert_int_equal(dm_schedule_at_lambda(schedule, -l, &at, NULL), DM_OK);
	return y - exact_x0(t, at.alpha * y, at.alpha, at.sigma);
}

/* Classical Runge-Kutta of order 4 on a grid far finer than any under test. */
static double fine_solution(const struct target *t, const dm_schedule *s, double y, double l, double end)
{
	const int n = 2000;
	double h = (end - l) / n;
	for (int i = 0; i < n; i++, l += h) {
		double k1 = slope(t, s, l, y), k2 = slope(t, s, l + h / 2, y + h / 2 * k1);
		double k3 = slope(t, s, l + h / 2, y + h / 2 * k2), k4 = slope(t, s, l + h * (1 - 1e-15), y + h * k3);
		y += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
	}
	return y;
}

/* Of a Gaussian the distance from the mean, over the deviation of x, does not change. */
static double closed_solution(const struct target *t, double y, double u, double u_end)
{
	double s2 = t->sd[0] * t->sd[0];
	return t->mean[0] + (y - t->mean[0]) * sqrt((s2 + u_end * u_end) / (s2 + u * u));
}

struct flow_map {
	double start[N_START], end[N_START];
	char ends[80];
};

static void solve(struct flow_map *map, const struct process *p, const struct target *t)
{
	dm_schedule *schedule;
	dm_node from, to;
	double top = 20, bottom = 0.05;
	assert_int_equal(dm_schedule_create(&schedule, p->schedule, NULL, NULL), DM_OK);
	assert_int_equal(dm_schedule_at_lambda(schedule, -log(top), &from, NULL), DM_OK);
	assert_int_equal(dm_schedule_at_lambda(schedule, -log(bottom), &to, NULL), DM_OK);
	for (int e = 0; e < N_START; e++) {
		double y = top * (-1.75 + 0.5 * e) + 0.3;
		map->start[e] = from.alpha * y;
		map->end[e] = to.alpha * (t->n == 1 ? closed_solution(t, y, top, bottom)
		                                    : fine_solution(t, schedule, y, log(top), log(bottom)));
	}
	dm_schedule_free(schedule);
}

static double error_of(const struct method *m, const struct process *p, const struct target *t,
                       const struct flow_map *map, int n)
{
	char grid[100], sampler[120];
	double x[N_START], worst = 0;
	struct world w = {.kind = p->model, .target = t};
	int adaptive = m->flags & ADAPTIVE;
	snprintf(grid, sizeof grid, "log_snr:steps=%d,sigma_max=20,sigma_min=0.05", adaptive ? 1 : n);
	snprintf(sampler, sizeof sampler, adaptive ? "%s,h_init=%.17g" : "%s", m->measured, log(400) / n);
	struct recipe r = {.sampler = sampler, .schedule = p->schedule, .grid = grid, .model = p->model};
	dm_plan *plan = make_plan(&r, predict, &w);
	dm_run *run = make_run(plan, DM_F64, 1, N_START, NULL);
	assert_int_equal(dm_run_start_state(run, map->start, DM_F64, 0, NULL), DM_OK);
	finish_run(run, DM_F64, x);
	dm_plan_free(plan);
	for (int e = 0; e < N_START; e++)
		worst = fmax(worst, fabs(x[e] - map->end[e]));
	return worst;
}

static void check_order(const struct target *t)
{
	struct flow_map map;
	for (int k = 0; k < N_PROCESS; k++) {
		solve(&map, &processes[k], t);
		for (int i = 0; i < N_METHOD; i++) {
			const struct method *m = &methods[i];
			double first, last;
			if (!m->measured)
				continue;
			first = error_of(m, &processes[k], t, &map, 24);
			last = error_of(m, &processes[k], t, &map, 24 << N_DOUBLING);
			double order = log2(first / last) / N_DOUBLING;
			if (getenv("SHOW"))
				printf("%-60s %-8s %d  %.3f  %g\n", m->measured, processes[k].schedule, t->n, order, last);
			if (!(order >= m->order - 0.15))
				print_error("%s on %s: order %.3f instead of %g\n", m->measured, processes[k].schedule, order, m->order);
		}
	}
}

static void order_on_a_gaussian(void **state)
{
	(void)state;
	check_order(&gaussian);
}

static void order_on_a_mixture(void **state)
{
	(void)state;
	check_order(&mixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_sampler_has_a_row),
	    cmocka_unit_test(order_on_a_gaussian),
	    cmocka_unit_test(order_on_a_mixture),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
