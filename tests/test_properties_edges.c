/* Legal edges, for every method: one step, one element, one sample, a start at the last node, a start at alpha = 0, a
 * step that stands still, very many steps, very many samples. */
#include "properties.h"
#include "property_table.h"

static void check_finite(const double *x, size_t n, const struct recipe *r)
{
	for (size_t i = 0; i < n; i++)
		if (!(fabs(x[i]) < 1e6))
			fail_msg("%s over %s, %s: element %d is %g", r->sampler, r->schedule, r->grid, (int)i, x[i]);
}

/* The plan of a recipe, or NULL where the method says that it has no meaning there. */
static dm_plan *plan_or_refusal(const struct recipe *r, struct world *w)
{
	struct objects o;
	dm_error err = {0};
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict};
	dm_status st = make_objects(&o, r, &ops, w, NULL, &err);
	dm_plan *plan = o.plan;
	o.plan = NULL;
	free_objects(&o);
	if (st != DM_OK && (st != DM_ERR_UNSUPPORTED || !err.message[0]))
		fail_msg("%s over %s, %s: %s", r->sampler, r->schedule, r->grid, err.message);
	return plan;
}

/* ------------------------------------------------------------------------------------------------------ small numbers */

static void check_small(const struct method *m, const struct process *p, int steps, const char *final)
{
	char grid[120];
	double all[3][4], x[4];
	struct world w = {.kind = p->model, .target = &mixture};
	snprintf(grid, sizeof grid, "%s,steps=%d,final=%s", p->grid, steps, final);
	struct recipe r = {.sampler = m->spec, .schedule = p->schedule, .grid = grid};
	r.model = model_of(m->spec, p->model);
	dm_plan *plan = make_plan(&r, predict, &w);
	finish_run(make_run(plan, DM_F64, 3, 1, "first_sample=7"), DM_F64, all);
	check_finite(all[0], 3, &r);
	finish_run(make_run(plan, DM_F64, 1, 1, "first_sample=7"), DM_F64, x);
	if (!(m->flags & WHOLE) && x[0] != all[0][0])
		fail_msg("%s over %s: one element alone is not what it is in a batch", m->spec, p->schedule);
	finish_run(make_run(plan, DM_F64, 1, 4, NULL), DM_F64, x);
	check_finite(x, 4, &r);
	dm_plan_free(plan);
}

static void few_steps_elements_and_samples(void **state)
{
	static const char *const finals[] = {"zero", "last", "repeat"};
	(void)state;
	for (int i = 0; i < N_METHOD * N_PROCESS; i++)
		for (int steps = 1; steps <= 3; steps++)
			for (int f = 0; f < 3; f++)
				check_small(&methods[i % N_METHOD], &processes[i / N_METHOD], steps, finals[f]);
}

/* One step to the clean end is one prediction, whatever the method (but for churn, which starts higher). */
static void one_step(void **state)
{
	enum { N = 9 };
	(void)state;
	for (int i = 0; i < N_METHOD * N_PROCESS; i++) {
		const struct method *m = &methods[i % N_METHOD];
		const struct process *p = &processes[i / N_METHOD];
		char grid[120];
		double x[N], e[N];
		struct world w = {.kind = p->model, .target = &mixture};
		dm_schedule *schedule;
		dm_grid *nodes;
		snprintf(grid, sizeof grid, "%s,steps=1", p->from_end);
		struct recipe r = {.sampler = m->spec, .schedule = p->schedule, .grid = grid};
		r.model = model_of(m->spec, p->model);
		int moves_first = m->draws == DRAWS_CHURN || m->draws == DRAWS_ALWAYS;
		dm_plan *plan = moves_first ? NULL : plan_or_refusal(&r, &w);
		if (!plan)
			continue;
		int departs = facts_of(plan).departs & DM_DEPARTS_MEAN || m->flags & NONLINEAR;
		finish_run(make_run(plan, DM_F64, 1, N, "seed=2"), DM_F64, x);
		dm_plan_free(plan);
		assert_int_equal(dm_schedule_create(&schedule, p->schedule, NULL, NULL), DM_OK);
		assert_int_equal(dm_grid_create(&nodes, schedule, grid, NULL, NULL), DM_OK);
		dm_node from = *dm_grid_node(nodes, 0);
		dm_grid_free(nodes);
		dm_schedule_free(schedule);
		if (departs)
			continue;
		assert_int_equal(dm_normals(2, 0, 0, 0, N, DM_F64, e, NULL), DM_OK);
		for (int k = 0; k < N; k++) {
			double x0 = exact_x0(&mixture, from.sigma * e[k], from.alpha, from.sigma);
			if (!(fabs(x[k] - x0) <= 1e-11))
				fail_msg("%s over %s: one step gives %.17g instead of %.17g", m->spec, p->schedule, x[k], x0);
		}
	}
}

/* ---------------------------------------------------------------------------------------------------------- the ends */

/* The groups of the single-step method, as get_order_list of diffusers lists them: the last step has order 1 where the groups
 * fill the grid, which ends at a level above 0 here. */
static void orders_of_groups(void **state)
{
	static const struct {
		int order, steps;
		const char *list;
	} known[] = {
	    {3, 3, "1/2/1"}, {3, 4, "1/2/3/1"}, {3, 5, "1/2/3/1/2"}, {3, 6, "1/2/3/1/2/1"}, {3, 8, "1/2/3/1/2/3/1/2"},
	    {2, 3, "1/2/1"}, {2, 4, "1/2/1/1"}, {2, 5, "1/2/1/2/1"}, {1, 3, "1/1/1"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		char grid[80], spec[2][80];
		double x[2][4];
		struct world w = {.kind = "v", .target = &mixture};
		snprintf(grid, sizeof grid, "log_snr:sigma_max=9,sigma_min=0.2,steps=%d", known[i].steps);
		snprintf(spec[0], sizeof spec[0], "dpm_singlestep:order=%d", known[i].order);
		snprintf(spec[1], sizeof spec[1], "dpm_singlestep:order=%d,orders=%s", known[i].order, known[i].list);
		for (int k = 0; k < 2; k++) {
			struct recipe r = {.sampler = spec[k], .schedule = "vp", .grid = grid, .model = "v"};
			dm_plan *plan = make_plan(&r, predict, &w);
			finish_run(make_run(plan, DM_F64, 1, 4, NULL), DM_F64, x[k]);
			dm_plan_free(plan);
		}
		if (memcmp(x[0], x[1], sizeof x[0]))
			fail_msg("%s, %d steps: %.17g instead of %.17g", spec[0], known[i].steps, x[0][0], x[1][0]);
	}
}

/* A plan that starts at the last node before the final one is a plan of one step. */
static void start_at_the_last_node(void **state)
{
	enum { N = 6 };
	(void)state;
	for (int i = 0; i < N_METHOD * N_PROCESS; i++) {
		const struct method *m = &methods[i % N_METHOD];
		const struct process *p = &processes[i / N_METHOD];
		char grid[120];
		double x[N], x0[N];
		struct world w = {.kind = p->model, .target = &mixture};
		snprintf(grid, sizeof grid, "%s,steps=5", p->grid);
		struct recipe r = {.sampler = m->spec, .schedule = p->schedule, .grid = grid, .options = "start=4"};
		r.model = model_of(m->spec, p->model);
		dm_plan *plan = make_plan(&r, predict, &w);
		dm_plan_info info = facts_of(plan);
		if (!(m->flags & ADAPTIVE) && strncmp(p->grid, "log_snr", 7)) /* whose steps=5 has its final node inside */
			assert_int_equal(info.n_step, 1);
		for (int e = 0; e < N; e++)
			x0[e] = constant_of((size_t)e);
		dm_run *run = make_run(plan, DM_F64, 1, N, NULL);
		assert_int_equal(dm_run_start_clean(run, x0, DM_F64, 0, NULL), DM_OK);
		finish_run(run, DM_F64, x);
		check_finite(x, N, &r);
		dm_plan_free(plan);
		assert_true(w.calls >= 1);
	}
}

/* At alpha = 0 the state is pure noise: the first step may use x0 and v, never epsilon. */
static void zero_terminal_snr(void **state)
{
	static const char *const worlds[][3] = {{"betas:at=0.1/0.3/0.5/0.7/1", "times:at=4/2/0", "v"},
	                                        {"betas:at=0.1/0.3/0.5/0.7/1", "trailing:steps=5", "x0"},
	                                        {"flow", "flow:steps=4", "flow"},
	                                        {"flow", "flow:steps=4,shift=3", "x0"},
	                                        {"flow", "trailing:steps=4", "v"}};
	(void)state;
	for (int i = 0; i < N_METHOD * 5; i++) {
		const char *const *v = worlds[i / N_METHOD];
		enum { N = 7 };
		double x[N];
		struct world w = {.kind = v[2], .target = &mixture};
		struct recipe r = {.sampler = methods[i % N_METHOD].spec, .schedule = v[0], .grid = v[1]};
		r.model = model_of(methods[i % N_METHOD].spec, v[2]);
		dm_plan *plan = plan_or_refusal(&r, &w);
		int needs = NEEDS_ALPHA | (strncmp(v[0], "betas", 5) ? 0 : TABLE_NEEDS_ALPHA);
		if (!plan != !!(methods[i % N_METHOD].flags & needs))
			fail_msg("%s over %s, %s, %s: %s at alpha = 0", r.sampler, v[0], v[1], v[2],
			         plan ? "starts" : "does not start");
		if (!plan)
			continue;
		finish_run(make_run(plan, DM_F64, 1, N, "seed=8"), DM_F64, x);
		dm_plan_free(plan);
		check_finite(x, N, &r);
	}
}

static void epsilon_at_alpha_zero_is_refused(void **state)
{
	(void)state;
	for (int i = 0; i < N_METHOD; i++) {
		struct world w = {.kind = "epsilon", .target = &mixture};
		struct recipe r = {.sampler = methods[i].spec, .schedule = "flow", .grid = "flow:steps=4"};
		r.model = model_of(methods[i].spec, "epsilon");
		dm_plan *plan = plan_or_refusal(&r, &w);
		if (plan)
			fail_msg("%s takes epsilon at alpha = 0", methods[i].spec);
	}
}

/* ------------------------------------------------------------------------------------------------------ large numbers */

/* 10000 steps of DDIM on a Gaussian: order 1, so 10000 steps are within 3e-4 of the closed solution. */
static void ten_thousand_steps(void **state)
{
	enum { N = 16 };
	double x[N], e[N];
	struct world w = {.kind = "epsilon", .target = &gaussian};
	struct recipe r = {.sampler = "ddim", .schedule = "vp", .model = "epsilon"};
	(void)state;
	r.grid = "log_snr:steps=10000,sigma_max=20,sigma_min=0.01";
	dm_plan *plan = make_plan(&r, predict, &w);
	assert_int_equal(facts_of(plan).n_eval, 10000);
	finish_run(make_run(plan, DM_F64, 1, N, "seed=6"), DM_F64, x);
	dm_plan_free(plan);
	assert_int_equal(w.calls, 10000);
	assert_int_equal(dm_normals(6, 0, 0, 0, N, DM_F64, e, NULL), DM_OK);
	double s2 = gaussian.sd[0] * gaussian.sd[0], shrink = sqrt((s2 + 1e-4) / (s2 + 400));
	for (int i = 0; i < N; i++) { /* over alpha; the start is 20 e over alpha, the end has alpha = 1 / sqrt(1 + u^2) */
		double y = gaussian.mean[0] + (20 * e[i] - gaussian.mean[0]) * shrink;
		if (!(fabs(x[i] - y / sqrt(1 + 1e-4)) < 3e-4))
			fail_msg("element %d: %g instead of %g", i, x[i], y);
	}
}

/* 4096 samples of 2 elements: each is what it is alone. */
static void many_samples(void **state)
{
	enum { N = 4096 };
	static float all[N][2];
	(void)state;
	for (int i = 0; i < N_METHOD; i++) {
		struct world w = {.kind = "v", .target = &gaussian};
		struct recipe r = {.sampler = methods[i].spec, .schedule = "vp", .grid = "trailing:steps=3"};
		r.model = model_of(methods[i].spec, "v");
		dm_plan *plan = make_plan(&r, predict, &w);
		finish_run(make_run(plan, DM_F32, N, 2, NULL), DM_F32, all);
		for (int k = 0; k < N && !(methods[i].flags & WHOLE); k += 315) {
			float one[2];
			char options[40];
			snprintf(options, sizeof options, "first_sample=%d", k);
			finish_run(make_run(plan, DM_F32, 1, 2, options), DM_F32, one);
			assert_memory_equal(one, all[k], sizeof one);
		}
		dm_plan_free(plan);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(few_steps_elements_and_samples),
	    cmocka_unit_test(one_step),
	    cmocka_unit_test(orders_of_groups),
	    cmocka_unit_test(start_at_the_last_node),
	    cmocka_unit_test(zero_terminal_snr),
	    cmocka_unit_test(epsilon_at_alpha_zero_is_refused),
	    cmocka_unit_test(ten_thousand_steps),
	    cmocka_unit_test(many_samples),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
