/* The order of convergence of every method on every process, against solutions that are known. */
#include "properties.h"
#include "property_table.h"

/* Measured forms that are still below their order between 24 and 384 steps, and by how much at most. */
static const struct {
	const char *measured;
	double below;
} slow_orders[] = {
    {"lms:order=4,coordinates=flow,start=rk", 0.4},
    {"ab:order=4,start=rk", 0.4},
    {"unipc:order=4,corrector=0,lower_order_final=0,start=rk", 0.4},
    {"unipc:order=4,lower_order_final=0,start=rk", 1},
    {"sa_solver:tau=0,lower_order_final=0,start=rk", 0.4},
    {"reab:order=4,start=rk", 0.6},
    {"ipndm_v:order=4,start=rk", 0.4},
};

enum { N_SLOW = sizeof slow_orders / sizeof *slow_orders };

/* Measured forms whose steps between the start and the end are of a higher order than the whole run: seen where nothing
 * happens at the ends. */
static const struct {
	const char *measured;
	double order;
} inner_orders[] = {
    {"dpm_multistep:order=3,lower_order_below=0,true_order=1", 3},
    {"dpmpp_3m:true_order=1", 3},
    {"er_sde:noise_scaler=power,s_noise=0", 3},
    {"dpm_fast", 3},
    {"dpm_singlestep:order=3,lower_order_final=0", 3},
    {"unipc:order=3,lower_order_final=0", 4},
    {"unipc:order=3,variant=bh1,lower_order_final=0", 4},
    {"unipc:order=3,corrector=0", 3},
    {"unipc:order=3,predict=epsilon,lower_order_final=0", 4},
    {"unipc:order=3,predict=epsilon,variant=bh1,lower_order_final=0", 4},
};

enum { N_INNER = sizeof inner_orders / sizeof *inner_orders };

enum { N_START = 8, N_DOUBLING = 4 };

/* Classical Runge-Kutta of order 4 for dy = (y - x0) d ln u, y = x/alpha, u = sigma/alpha, on a grid far finer than any
 * under test. */
static double fine_solution(const struct target *t, double y, double top, double bottom)
{
	const int n = 4000;
	double h = (log(bottom) - log(top)) / n;
	for (int i = 0; i < n; i++) {
		double u = exp(log(top) + i * h), middle = exp(log(top) + (i + 0.5) * h), next = exp(log(top) + (i + 1) * h);
		double k1 = y - exact_x0(t, y, 1, u), y2 = y + h / 2 * k1;
		double k2 = y2 - exact_x0(t, y2, 1, middle), y3 = y + h / 2 * k2;
		double k3 = y3 - exact_x0(t, y3, 1, middle), y4 = y + h * k3;
		y += h / 6 * (k1 + 2 * k2 + 2 * k3 + y4 - exact_x0(t, y4, 1, next));
	}
	return y;
}

/* Of a Gaussian the distance from the mean, over the deviation of x, does not change. */
static double closed_solution(const struct target *t, double y, double u, double u_end)
{
	double s2 = t->sd[0] * t->sd[0];
	return t->mean[0] + (y - t->mean[0]) * sqrt((s2 + u_end * u_end) / (s2 + u * u));
}

struct solution {
	double start[N_START], end[N_START];
};

static void solve(struct solution *known, const struct process *p, const struct target *t)
{
	dm_schedule *schedule;
	dm_node from, to;
	assert_int_equal(dm_schedule_create(&schedule, p->schedule, NULL, NULL), DM_OK);
	assert_int_equal(dm_schedule_at_lambda(schedule, -log(TOP), &from, NULL), DM_OK);
	assert_int_equal(dm_schedule_at_lambda(schedule, -log(BOTTOM), &to, NULL), DM_OK);
	dm_schedule_free(schedule);
	for (int e = 0; e < N_START; e++) {
		double y = TOP * (-1.75 + 0.5 * e) + 0.3;
		known->start[e] = from.alpha * y;
		known->end[e] = to.alpha * (t->n == 1 ? closed_solution(t, y, TOP, BOTTOM) : fine_solution(t, y, TOP, BOTTOM));
	}
}

/* The largest error over the starts of a sampler laid over a grid, and the evaluations it took. */
static double error_of_run(const char *sampler, const char *grid, const struct process *p, const struct target *t,
                           const struct solution *known, int64_t *evaluations)
{
	double x[N_START], worst = 0;
	struct world w = {.kind = p->model, .target = t, .alike = 1};
	struct recipe r = {.sampler = sampler, .schedule = p->schedule, .grid = grid, .model = p->model};
	dm_plan *plan = make_plan(&r, predict, &w);
	dm_run *run = make_run(plan, DM_F64, 1, N_START, "max_eval=1000000");
	assert_int_equal(dm_run_start_state(run, known->start, DM_F64, 0, NULL), DM_OK);
	finish_run(run, DM_F64, x);
	dm_plan_free(plan);
	for (int e = 0; e < N_START; e++)
		worst = fmax(worst, fabs(x[e] - known->end[e]));
	*evaluations = w.calls;
	return worst;
}

/* After n steps, even in lambda. */
static double error_of(const struct method *m, const struct process *p, const struct target *t,
                       const struct solution *known, int n)
{
	char grid[100], sampler[160];
	int64_t evaluations;
	int adaptive = m->flags & ADAPTIVE;
	snprintf(grid, sizeof grid, "log_snr:steps=%d,sigma_max=%g,sigma_min=%g", adaptive ? 1 : n, TOP, BOTTOM);
	snprintf(sampler, sizeof sampler, adaptive ? "%s,h_init=%.17g" : "%s", m->measured, log(TOP / BOTTOM) / n);
	return error_of_run(sampler, grid, p, t, known, &evaluations);
}

/* What the library states. */
static int32_t order_of(const char *spec)
{
	dm_sampler *sampler;
	dm_error err = {0};
	if (dm_sampler_create(&sampler, spec, NULL, &err) != DM_OK)
		fail_msg("%s: %s", spec, err.message);
	int32_t order = dm_sampler_order(sampler);
	dm_sampler_free(sampler);
	return order;
}

/* What has to be seen. */
static double expected_order(const struct method *m, const struct target *t)
{
	for (int i = 0; t->n == 0 && i < N_INNER; i++)
		if (!strcmp(inner_orders[i].measured, m->measured))
			return inner_orders[i].order;
	double below = 0;
	for (int i = 0; i < N_SLOW; i++)
		if (!strcmp(slow_orders[i].measured, m->measured))
			below = slow_orders[i].below;
	int32_t nominal = order_of(m->measured);
	if (nominal == 0)
		fail_msg("%s: no order is stated", m->measured);
	return nominal - below;
}

/* Between n and 16 n steps. */
static void check_order(const struct target *t, int n)
{
	struct solution known;
	for (int k = 0; k < N_PROCESS; k++) {
		solve(&known, &processes[k], t);
		for (int i = 0; i < N_METHOD; i++) {
			const struct method *m = &methods[i];
			if (!m->measured)
				continue;
			double nominal = expected_order(m, t);
			if (m->flags & IN_TIME && processes[k].table)
				nominal = 0.5;
			double first = error_of(m, &processes[k], t, &known, n);
			double order = log2(first / error_of(m, &processes[k], t, &known, n << N_DOUBLING)) / N_DOUBLING;
			if (!(order >= nominal - 0.15))
				fail_msg("%s on %s: order %.3f instead of %g", m->measured, processes[k].schedule, order, nominal);
		}
	}
}

static dm_status refuse(void *user, const dm_step *s, dm_emit *e)
{
	(void)user;
	(void)s;
	dm_emit_fail(e, DM_ERR_UNSUPPORTED, "never asked");
	return DM_OK;
}

/* What is stated changes with the options as it should; by registry defaults, by hand, and of the caller's own. */
static void orders_follow_options(void **state)
{
	static const struct {
		const char *spec;
		int32_t order;
	} stated[] = {
	    {"ab:order=3", 2},
	    {"ab:order=3,start=rk", 3},
	    {"ab:order=3,start=rk,analytic_first=1", 1},
	    {"ddim", 1},
	    {"dpmpp_2m_sde:eta=0", 2},
	    {"dpmpp_2m_sde:s_noise=1.1", 0}, /* its law is another */
	    {"dpm2", 2},
	    {"dpm2:s_churn=3", 1},
	    {"dpm2:s_churn=3,s_noise=1.1", 0},
	    {"sa_solver:tau=0", 2},
	    {"sa_solver:tau=0,lower_order_final=0", 3},
	    {"sa_solver:tau=0,lower_order_final=0,start=rk", 4},
	    {"unipc", 2},
	    {"unipc:order=3,lower_order_final=0,disable_corrector=0", 2},
	    {"dpm_singlestep:order=3,orders=3/2/1", 0},
	    {"dpm_singlestep:order=3,lower_order_final=0", 2},
	    {"deis:start=rk", 3},
	    {"deis:start=rk,lower_order_below=1000000", 2}, /* no grid is as long */
	    {"deis:start=rk,lower_order_below=1000000,lower_order_final=0", 3},
	    {"dpm_multistep:order=3,true_order=1,start=rk,lower_order_below=1000000", 2},
	    {"lcm", 0},
	};
	dm_sampler_ops ops = {.struct_size = sizeof ops, .step = refuse, .order = 7};
	dm_sampler *own;
	dm_error err;
	(void)state;
	for (size_t i = 0; i < sizeof stated / sizeof *stated; i++)
		if (order_of(stated[i].spec) != stated[i].order)
			fail_msg("%s: order %d instead of %d", stated[i].spec, (int)order_of(stated[i].spec), (int)stated[i].order);
	assert_int_equal(dm_sampler_order(NULL), 0);
	assert_int_equal(dm_sampler_create_custom(&own, "own", &ops, NULL, NULL, 0, NULL, &err), DM_OK);
	assert_int_equal(dm_sampler_order(own), 7);
	dm_sampler_free(own);
	ops.struct_size = offsetof(dm_sampler_ops, order); /* an older caller's */
	assert_int_equal(dm_sampler_create_custom(&own, "own", &ops, NULL, NULL, 0, NULL, &err), DM_OK);
	assert_int_equal(dm_sampler_order(own), 0);
	dm_sampler_free(own);
	ops.struct_size = sizeof ops;
	ops.order = -1;
	assert_int_equal(dm_sampler_create_custom(&own, "own", &ops, NULL, NULL, 0, NULL, &err), DM_ERR_ARGUMENT);
	assert_non_null(strstr(err.message, "order = -1"));
	assert_null(own);
}

static void order_on_a_gaussian(void **state)
{
	(void)state;
	check_order(&gaussian, 24);
}

static void order_on_a_mixture(void **state)
{
	(void)state;
	check_order(&mixture, 24);
}

static void order_of_inner_steps(void **state)
{
	(void)state;
	check_order(&bump, 48);
}

/* rk45 has no fixed step to halve: its error falls with the fifth power of the evaluations that a tolerance takes (so
 * in proportion to the tolerance). Over a table, whose right side jumps at the entries, it only falls. */
static void order_of_rk45(void **state)
{
	static const struct target *const targets[] = {&gaussian, &mixture};
	char grid[100];
	(void)state;
	snprintf(grid, sizeof grid, "log_snr:steps=1,sigma_max=%g,sigma_min=%g", TOP, BOTTOM);
	for (int k = 0; k < N_PROCESS; k++)
		for (int i = 0; i < 2; i++) {
			struct solution known;
			int64_t few, many;
			solve(&known, &processes[k], targets[i]);
			double rough = error_of_run("rk45:rtol=1e-6,atol=1e-6", grid, &processes[k], targets[i], &known, &few);
			double fine = error_of_run("rk45:rtol=1e-9,atol=1e-9", grid, &processes[k], targets[i], &known, &many);
			double order = log(rough / fine) / log((double)many / (double)few);
			int right = processes[k].table ? rough < 1e-3 && fine < 1e-5
			                               : rough < 1e-4 && fine < 1e-7 && order > order_of("rk45") - 0.5;
			if (!right)
				fail_msg("rk45 over %s: off by %g after %d evaluations, by %g after %d: order %.2f",
				         processes[k].schedule, rough, (int)few, fine, (int)many, order);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(orders_follow_options), cmocka_unit_test(order_on_a_gaussian),
	    cmocka_unit_test(order_on_a_mixture),    cmocka_unit_test(order_of_inner_steps),
	    cmocka_unit_test(order_of_rk45),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
