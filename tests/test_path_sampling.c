/* Plans with noise=path: all noise that drives the process comes from one Brownian path of the seed, so finer grids see
 * the same path in more detail. For every stochastic method of the property table. */
#include "properties.h"
#include "property_table.h"

enum { N_SAMPLE = 2, N_ELEMENT = 512, N = N_SAMPLE * N_ELEMENT };

/* Whether all noise of a method is that of the process; not churn, not the noise of methods that go to x0 and back, not
 * Langevin corrections. */
static int is_driven(const struct method *m)
{
	return m->draws != DRAWS_NOTHING && m->draws != DRAWS_CHURN && !(m->flags & (ADAPTIVE | FEW_STEPS));
}

/* Whether it has a limit as steps are added: not where the network says the variance of a step, whatever its length. */
static int has_limit(const struct method *m)
{
	return is_driven(m) && strcmp(m->spec, "ddpm:variance=learned") && strcmp(m->spec, "ddpm:variance=learned_log");
}

static dm_plan *plan_of(const char *sampler, const struct process *p, const char *grid, const char *options,
                        struct world *w)
{
	*w = (struct world){.kind = p->model, .target = &mixture, .alike = 1};
	struct recipe r = {.sampler = sampler, .schedule = p->schedule, .grid = grid, .options = options};
	r.model = model_of(sampler, p->model);
	return make_plan(&r, predict, w);
}

/* The samples of a plan, from the seed's own start noise. */
static void sample(const dm_plan *plan, uint64_t seed, double x[N])
{
	char options[40];
	snprintf(options, sizeof options, "seed=%d", (int)seed);
	finish_run(make_run(plan, DM_F64, N_SAMPLE, N_ELEMENT, options), DM_F64, x);
}

static double distance(const double a[N], const double b[N])
{
	double sum = 0;
	for (int i = 0; i < N; i++)
		sum += (a[i] - b[i]) * (a[i] - b[i]);
	return sqrt(sum / N);
}

/* ------------------------------------------------------------------------------------------------------ increments */

struct asked {
	int increments, others;
};

static struct asked draws_of(const dm_plan *plan)
{
	struct asked asked = {0, 0};
	for (size_t r = 0; r < dm_plan_count(plan); r++) {
		const dm_row *row = dm_plan_row(plan, r);
		for (int32_t i = 0; row->step >= 0 && i < row->n_in; i++)
			if (row->in[i].slot < 0) {
				asked.increments += is_increment(&row->in[i]);
				asked.others += !is_increment(&row->in[i]);
			}
	}
	return asked;
}

static void noise_of_the_process_is_the_path(void **state)
{
	(void)state;
	for (int k = 0; k < N_PROCESS; k++)
		for (int i = 0; i < N_METHOD; i++) {
			const struct method *m = &methods[i];
			struct world w;
			if (m->draws == DRAWS_NOTHING || m->flags & ADAPTIVE)
				continue;
			dm_plan *plan =
			    plan_of(m->spec, &processes[k], "log_snr:steps=9,sigma_max=10,sigma_min=0.1", "noise=path", &w);
			struct asked asked = draws_of(plan);
			dm_plan_free(plan);
			if (is_driven(m) ? asked.others > 0 || !asked.increments : !asked.others)
				fail_msg("%s over %s: %d increments of the path, %d other draws", m->spec, processes[k].schedule,
				         asked.increments, asked.others);
			if ((m->draws == DRAWS_CHURN || m->flags & FEW_STEPS) && strncmp(m->spec, "pc:", 3) && asked.increments)
				fail_msg("%s: noise that does not drive the process is an increment", m->spec);
		}
}

/* ----------------------------------------------------------------------------------------------- strong convergence */

/* How far the ends on grids of n, 2 n and 4 n steps are from each other. */
struct approach {
	double first, second;
};

static struct approach approach_of(const char *sampler, const struct process *p, int n, const char *options)
{
	static double x[3][N];
	for (int k = 0; k < 3; k++) {
		char grid[80];
		struct world w;
		snprintf(grid, sizeof grid, "log_snr:steps=%d,sigma_max=10,sigma_min=0.1", n << k);
		dm_plan *plan = plan_of(sampler, p, grid, options, &w);
		sample(plan, 11, x[k]);
		dm_plan_free(plan);
	}
	return (struct approach){distance(x[0], x[1]), distance(x[1], x[2])};
}

/* The noise is additive in lambda, so the strong order is 1: every doubling halves the distance, and 0.75 allows for
 * what is left of higher orders. Independent draws stay as far apart as they are. */
static void ends_on_finer_grids_come_closer(void **state)
{
	(void)state;
	for (int i = 0; i < N_METHOD; i++) {
		const struct method *m = &methods[i];
		const struct process *p = &processes[i % N_PROCESS];
		if (!has_limit(m))
			continue;
		struct approach path = approach_of(m->spec, p, 60, "noise=path");
		if (!(path.second < 0.75 * path.first && path.second < 0.1))
			fail_msg("%s over %s: the ends are %g and then %g apart", m->spec, p->schedule, path.first, path.second);
		struct approach free = approach_of(m->spec, p, 60, NULL);
		if (!(free.second > 0.8 * free.first && free.second > 3 * path.second))
			fail_msg("%s over %s: independent draws too: %g and then %g apart", m->spec, p->schedule, free.first,
			         free.second);
	}
}

/* An adaptive method sees the same path whatever its steps and its rejected trials are. */
static void adaptive_ends_come_closer(void **state)
{
	static const char *const specs[] = {"dpm_adaptive:eta=1,rtol=0.05,atol=0.01",
	                                    "dpm_adaptive:eta=1,rtol=0.01,atol=0.002",
	                                    "dpm_adaptive:eta=1,rtol=0.002,atol=0.0004"};
	static double x[2][3][N];
	(void)state;
	for (int k = 0; k < N_PROCESS; k++) {
		for (int path = 0; path < 2; path++)
			for (int i = 0; i < 3; i++) {
				struct world w;
				dm_plan *plan = plan_of(specs[i], &processes[k], "log_snr:steps=1,sigma_max=10,sigma_min=0.1",
				                        path ? "noise=path" : NULL, &w);
				sample(plan, 11, x[path][i]);
				dm_plan_free(plan);
			}
		double first = distance(x[1][0], x[1][1]), second = distance(x[1][1], x[1][2]);
		if (!(second < 0.7 * first && 3 * second < distance(x[0][1], x[0][2])))
			fail_msg("over %s: %g and then %g apart, independent %g", processes[k].schedule, first, second,
			         distance(x[0][1], x[0][2]));
	}
}

/* ----------------------------------------------------------------------------------------------------- partial runs */

enum { STEPS = 24, BEGIN = 10 };

struct stop {
	double x[N];
	int64_t step;
};

static dm_status remember(void *user, const dm_request *rq)
{
	struct stop *stop = user;
	if (rq->step == stop->step)
		for (size_t i = 0; i < rq->n_sample; i++)
			memcpy(stop->x + i * N_ELEMENT, (const double *)rq->x + i * rq->x_stride, N_ELEMENT * sizeof(double));
	return 0;
}

static void run_whole(const char *spec, const struct process *p, const char *grid, struct stop *stop, double x[N])
{
	struct world w;
	dm_plan *plan = plan_of(spec, p, grid, "noise=path,progress=1", &w);
	dm_run *run = make_run(plan, DM_F64, N_SAMPLE, N_ELEMENT, "seed=5");
	stop->step = BEGIN - 1;
	assert_int_equal(dm_run_on_step(run, remember, stop, NULL), DM_OK);
	finish_run(run, DM_F64, x);
	dm_plan_free(plan);
}

static void run_rest(const char *spec, const struct process *p, const char *grid, const struct stop *stop,
                     const char *seed, double x[N])
{
	struct world w;
	char options[40];
	snprintf(options, sizeof options, "noise=path,progress=1,start=%d", BEGIN);
	dm_plan *plan = plan_of(spec, p, grid, options, &w);
	dm_run *run = make_run(plan, DM_F64, N_SAMPLE, N_ELEMENT, seed);
	assert_int_equal(dm_run_start_state(run, stop->x, DM_F64, 0, NULL), DM_OK);
	finish_run(run, DM_F64, x);
	dm_plan_free(plan);
}

/* A run that begins inside the grid goes on along the path of the whole run: to the bit where a method has no memory, and
 * where it has, to what its first steps there lose. */
static void partial_runs_see_the_same_path(void **state)
{
	static const char *const grid = "log_snr:steps=24,sigma_max=10,sigma_min=0.1";
	static const char *const no_memory[] = {"ddpm",      "ddim:eta=0.5", "euler_ancestral",
	                                        "dpmpp_sde", "seeds_3",      "res_2s:eta=1"};
	static struct stop stop;
	static double whole[N], rest[N], other[N];
	(void)state;
	for (int i = 0; i < 6; i++) {
		const struct process *p = &processes[i % N_PROCESS];
		run_whole(no_memory[i], p, grid, &stop, whole);
		run_rest(no_memory[i], p, grid, &stop, "seed=5", rest);
		if (memcmp(whole, rest, sizeof whole))
			fail_msg("%s over %s: %g from the whole run", no_memory[i], p->schedule, distance(whole, rest));
	}
	for (int i = 0; i < N_METHOD; i++) {
		const struct process *p = &processes[i % N_PROCESS];
		if (!has_limit(&methods[i]))
			continue;
		run_whole(methods[i].spec, p, grid, &stop, whole);
		run_rest(methods[i].spec, p, grid, &stop, "seed=5", rest);
		run_rest(methods[i].spec, p, grid, &stop, "seed=6", other);
		if (!(distance(whole, rest) < 0.2 && distance(whole, other) > fmax(0.2, 3 * distance(whole, rest))))
			fail_msg("%s over %s: %g from the whole run, on another path %g", methods[i].spec, p->schedule,
			         distance(whole, rest), distance(whole, other));
	}
}

/* ------------------------------------------------------------------------------------------------------ infinite ends */

/* From alpha = 0, where lambda is -infinity, to sigma = 0: what a constant prediction leaves has the noise of every node,
 * and the samples are finite numbers. */
static void check_noise(const struct walk *w, int64_t step, void *user)
{
	const dm_grid *grid = user;
	const dm_node *to = dm_grid_node(grid, (size_t)step + 1);
	double sd = sqrt(form_variance(w->state));
	if (!(fabs(sd - to->sigma) < 1e-12))
		fail_msg("noise of %.17g arrives at step %d instead of %.17g", sd, (int)step, to->sigma);
}

static void check_whole_way(const struct method *m, const char *schedule, const char *grid)
{
	static struct walk walk;
	static double x[N];
	struct world w = {.kind = "v", .target = &mixture};
	struct recipe r = {.sampler = m->spec, .schedule = schedule, .grid = grid, .options = "noise=path,progress=1"};
	struct objects o;
	dm_error err = {0};
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict};
	r.model = model_of(m->spec, "v");
	if (make_objects(&o, &r, &ops, &w, NULL, &err) != DM_OK)
		fail_msg("%s over %s: %s", m->spec, schedule, err.message);
	assert_true(dm_grid_node(o.grid, 0)->alpha == 0 || !strcmp(schedule, "ve"));
	if (!(m->flags & (DEPARTS | DRIFTS | NONLINEAR))) {
		memset(&walk, 0, sizeof walk);
		walk.kind = "v";
		walk.on_step = check_noise;
		walk.user = o.grid;
		walk_plan(&walk, o.plan);
	}
	sample(o.plan, 3, x);
	for (int i = 0; i < N; i++)
		if (!isfinite(x[i]))
			fail_msg("%s over %s: sample %g", m->spec, schedule, x[i]);
	free_objects(&o);
}

static void infinite_ends(void **state)
{
	(void)state;
	for (int i = 0; i < N_METHOD; i++)
		if (is_driven(&methods[i]) && !(methods[i].flags & NEEDS_ALPHA)) {
			check_whole_way(&methods[i], "linear:zero_snr=exact", "trailing:steps=10");
			check_whole_way(&methods[i], "flow", "flow:steps=10");
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(noise_of_the_process_is_the_path),
	    cmocka_unit_test(ends_on_finer_grids_come_closer),
	    cmocka_unit_test(adaptive_ends_come_closer),
	    cmocka_unit_test(partial_runs_see_the_same_path),
	    cmocka_unit_test(infinite_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
