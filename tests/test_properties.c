/* What must hold for every method on every process: the two identities of a plan, counts, the exact end, the methods
 * that are the same. */
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

/* ------------------------------------------------------------------------------------------------- the two identities */

static void name(char out[160], const struct recipe *r)
{
	snprintf(out, 160, "%s over %s (%s)", r->sampler, r->schedule, r->options ? r->options : "");
}

struct identity {
	const struct recipe *recipe;
	int departs;
	int64_t last; /* the step that may depart whatever the others do */
};

/* A state that is alpha x0 + sigma (unit noise) at every node, when the model always says x0. */
static void check_state(const struct walk *w, int64_t step, void *user)
{
	const struct identity *id = user;
	const dm_node *to = &id->recipe->node[step + 1];
	double sd = sqrt(form_variance(w->state));
	char what[160];
	if (step == id->last)
		return;
	name(what, id->recipe);
	if (!(id->departs & DM_DEPARTS_MEAN) && !(fabs(w->state[0] - to->alpha) <= 1e-12 * fmax(1, to->alpha)))
		fail_msg("%s: a constant arrives at step %d as %.17g instead of %.17g", what, (int)step, w->state[0],
		         to->alpha);
	if (!id->departs && !(fabs(sd - to->sigma) <= 1e-12 * fmax(1, to->sigma)))
		fail_msg("%s: noise arrives at step %d as %.17g instead of %.17g", what, (int)step, sd, to->sigma);
	if (id->departs == DM_DEPARTS_VARIANCE && to->sigma > 0 && step == N_RANDOM - 2 &&
	    fabs(sd - to->sigma) < 1e-6 * to->sigma)
		fail_msg("%s: declares a departure and keeps the variance", what);
}

static void turn(dm_node node[N_RANDOM])
{
	for (int i = 0; i < N_RANDOM / 2; i++) {
		dm_node keep = node[i];
		node[i] = node[N_RANDOM - 1 - i];
		node[N_RANDOM - 1 - i] = keep;
	}
}

static int32_t departures(const struct method *m, const struct process *p, int up)
{
	if (m->flags & DRIFTS || (m->flags & IN_TIME && !p->straight) || (m->flags & DRIFTS_UP && up))
		return DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE;
	return m->flags & DEPARTS ? DM_DEPARTS_VARIANCE : 0;
}

static void check_identity(const struct method *m, const struct process *p, uint64_t seed, int end, int up)
{
	static const char *const options[] = {NULL, "progress=1", "preview=1", "noise=path"};
	dm_node node[N_RANDOM];
	random_nodes(p->schedule, seed, end, node);
	if (up)
		turn(node);
	for (int i = 0; i < 4; i++) {
		static struct walk w;
		struct recipe r = {.sampler = m->spec, .schedule = p->schedule, .options = options[i]};
		r.model = model_of(m->spec, p->model);
		r.node = node;
		r.n_node = N_RANDOM;
		struct identity id = {&r, departures(m, p, up), m->flags & ENDS_ELSEWHERE ? N_RANDOM - 2 : -1};
		dm_plan *plan = make_plan(&r, NULL, NULL);
		int32_t departs = facts_of(plan).departs;
		if (departs != id.departs && !(m->flags & ENDS_ELSEWHERE))
			fail_msg("%s over %s (%s), end %d: departs is %d instead of %d", m->spec, p->schedule,
			         options[i] ? options[i] : "", end, (int)departs, id.departs);
		if ((departs & DM_DEPARTS_MEAN && id.last < 0) || m->flags & NONLINEAR) { /* nothing is promised */
			dm_plan_free(plan);
			continue;
		}
		memset(&w, 0, sizeof w);
		w.kind = p->model;
		w.on_step = check_state;
		w.user = &id;
		walk_plan(&w, plan);
		dm_plan_free(plan);
	}
}

static void identities_of_plans(void **state)
{
	(void)state;
	for (int k = 0; k < N_PROCESS; k++)
		for (int i = 0; i < N_METHOD; i++)
			for (uint64_t seed = 0; seed < 4 && !(methods[i].flags & ADAPTIVE); seed++) {
				for (int end = END_NOISY; end <= END_REPEATS; end++)
					check_identity(&methods[i], &processes[k], seed, end, 0);
				if (methods[i].flags & GOES_UP)
					check_identity(&methods[i], &processes[k], seed, END_NOISY, 1);
			}
}

/* The same of a run: from alpha c + sigma e to alpha' c + sigma' e, with the library's own start noise e. */
static void check_constant(const struct method *m, const struct process *p, uint64_t seed, int end)
{
	enum { N = 70 };
	dm_node node[N_RANDOM], *last = &node[N_RANDOM - 1];
	double c[N], e[N], x[N];
	struct world w = {.kind = p->model, .alike = 1};
	struct recipe r = {.sampler = m->spec, .schedule = p->schedule};
	r.model = model_of(m->spec, p->model);
	random_nodes(p->schedule, seed, end, node);
	r.node = node;
	r.n_node = N_RANDOM;
	for (size_t i = 0; i < N; i++)
		c[i] = constant_of(i);
	assert_int_equal(dm_normals(3, 5, 0, 0, N, DM_F64, e, NULL), DM_OK);
	dm_plan *plan = make_plan(&r, predict, &w);
	if (facts_of(plan).departs & DM_DEPARTS_MEAN) {
		dm_plan_free(plan);
		return;
	}
	dm_run *run = make_run(plan, DM_F64, 1, N, "seed=3,first_sample=5");
	assert_int_equal(dm_run_start_clean(run, c, DM_F64, 0, NULL), DM_OK);
	finish_run(run, DM_F64, x);
	dm_plan_free(plan);
	for (size_t i = 0; i < N; i++)
		if (!(fabs(x[i] - last->alpha * c[i] - last->sigma * e[i]) <= 1e-12))
			fail_msg("%s over %s: element %d is off by %g", m->spec, p->schedule, (int)i,
			         x[i] - last->alpha * c[i] - last->sigma * e[i]);
}

static void constant_denoiser_in_runs(void **state)
{
	(void)state;
	for (int k = 0; k < N_PROCESS; k++)
		for (int i = 0; i < N_METHOD; i++)
			for (uint64_t seed = 0; seed < 4; seed++) {
				check_constant(&methods[i], &processes[k], seed, END_CLEAN);
				if (methods[i].draws != DRAWS_NOTHING)
					continue;
				check_constant(&methods[i], &processes[k], seed, END_NOISY);
				check_constant(&methods[i], &processes[k], seed, END_REPEATS);
			}
}

static void grids_that_go_up(void **state)
{
	(void)state;
	for (int i = 0; i < N_METHOD; i++) {
		struct objects o;
		dm_error err = {0};
		struct recipe r = {.sampler = methods[i].spec, .schedule = "vp"};
		r.model = model_of(methods[i].spec, "epsilon");
		r.grid = "log_snr:steps=4,direction=up";
		dm_status st = make_objects(&o, &r, NULL, NULL, NULL, &err);
		free_objects(&o);
		if (st != (methods[i].flags & GOES_UP ? DM_OK : DM_ERR_UNSUPPORTED))
			fail_msg("%s on a grid that goes up: %s %s", methods[i].spec, dm_status_name(st), err.message);
	}
}

/* -------------------------------------------------------------------------------------------------- counts and the end */

/* A source that gives philox's numbers and counts; it may be asked for the same draw again. */
struct source {
	int64_t start, drawn;
};

static dm_status fill(void *user, const dm_request *rq)
{
	struct source *s = user;
	s->start += rq->draw == 0;
	if (rq->draw && rq->draw_ordinal > s->drawn)
		return 77;
	s->drawn += rq->draw && rq->draw_ordinal == s->drawn;
	for (size_t i = 0; i < rq->n_sample; i++) {
		char *row = (char *)rq->out[0] + i * rq->out_stride * size_of(rq->out_type);
		if (dm_normals(rq->seed[i], rq->sample[i], rq->draw, 0, rq->n_element, rq->out_type, row, NULL) != DM_OK)
			return 78;
	}
	return 0;
}

/* Above the least noise, which is that of the process or the option's. */
static int is_above_least(const struct method *m, const dm_schedule *schedule, const dm_node *at)
{
	const char *option = strstr(m->spec, "sigma_min=");
	double t_clean;
	dm_schedule_range(schedule, &t_clean, NULL);
	return option ? at->sigma > at->alpha * atof(option + strlen("sigma_min=")) : at->t > t_clean;
}

/* Whether step i of n draws, by the kind of the row. */
static int draws_in(const struct method *m, const dm_schedule *schedule, const dm_grid *grid, size_t i, size_t n)
{
	const dm_node *from = dm_grid_node(grid, i), *to = dm_grid_node(grid, i + 1);
	dm_node above;
	switch (m->draws) {
	case DRAWS_TO_NOISE:
		return to->sigma > 0;
	case DRAWS_CHURN:
		return dm_schedule_at_lambda(schedule, from->lambda - 1e-6, &above, NULL) == DM_OK;
	case DRAWS_BETWEEN:
		return i + 1 < n;
	case DRAWS_ABOVE_LEAST:
		return is_above_least(m, schedule, to) && n > 1;
	case DRAWS_ABOVE_LEAST_BETWEEN:
		return is_above_least(m, schedule, to) && i + 1 < n;
	default:
		return m->draws == DRAWS_ALWAYS;
	}
}

static int64_t more_at_start(const struct method *m, int64_t noisy);

/* The draws that the row of the table promises for a grid. */
static int64_t draws_of(const struct method *m, const dm_schedule *schedule, const dm_grid *grid)
{
	int64_t n = 0, times = 1, always = 0, noisy = 0;
	size_t steps = dm_grid_count(grid) - 1;
	for (int k = 0; k < N_MANY_DRAWS; k++)
		if (!strcmp(many_draws[k].spec, m->spec)) {
			times = many_draws[k].times;
			always = many_draws[k].always;
		}
	for (size_t i = 0; i < steps; i++) {
		n += always + times * draws_in(m, schedule, grid, i, steps);
		noisy += dm_grid_node(grid, i + 1)->sigma > 0;
	}
	return m->draws == DRAWS_NOTHING ? 0 : n + more_at_start(m, noisy);
}

static int64_t more_at_start(const struct method *m, int64_t noisy)
{
	for (int i = 0; i < N_FIRST_STEPS; i++)
		if (!strcmp(first_steps[i].spec, m->spec))
			return first_steps[i].more * (noisy < first_steps[i].steps ? noisy : first_steps[i].steps);
	return 0;
}

static int64_t evaluations_of(const struct method *m, int64_t n, int64_t clean)
{
	for (int i = 0; i < N_COUNTED; i++)
		if (!strcmp(counted_evaluations[i].spec, m->spec))
			return counted_evaluations[i].evaluations(n, clean);
	return m->evals * n - (clean ? m->saved : 0) + more_at_start(m, n - clean);
}

static void check_totals(const struct method *m, const dm_plan *plan, const dm_run_info *ran, int clean,
                         const struct world *w, const struct source *s, int64_t draws)
{
	dm_plan_info info = facts_of(plan);
	int64_t trials = m->flags & ADAPTIVE ? ran->n_accepted + ran->n_rejected : info.n_step;
	int64_t evals = evaluations_of(m, trials, clean);
	if (m->flags & ADAPTIVE && m->draws == DRAWS_TO_NOISE)
		draws = ran->n_accepted > 1 + clean ? ran->n_accepted - 1 - clean : 0;
	if (w->calls != evals || w->branches != 2 * evals || ran->n_eval != evals || s->drawn != draws || s->start != 1)
		fail_msg("%s: %d evaluations, %d branches and %d draws seen, %d and %d expected", m->spec, (int)w->calls,
		         (int)w->branches, (int)s->drawn, (int)evals, (int)draws);
	if (!(m->flags & ADAPTIVE) && (info.n_eval != evals || info.n_branch_eval != 2 * evals || info.n_draw != draws))
		fail_msg("%s: the plan counts %d evaluations and %d draws", m->spec, (int)info.n_eval, (int)info.n_draw);
	if (m->flags & ADAPTIVE && (info.n_step != -1 || info.n_eval != -1 || info.n_draw != -1 || !info.adaptive))
		fail_msg("%s: an adaptive plan cannot know its totals", m->spec);
}

static void check_counts(const struct method *m, const struct process *p, int steps, const char *final)
{
	enum { N = 5 };
	char grid[120];
	double x[N], same[N];
	struct world w = {.kind = p->model, .target = &mixture};
	struct source source = {0, 0};
	struct objects o;
	dm_noise *noise;
	dm_array *array;
	dm_run *run;
	dm_run_info ran = {.struct_size = sizeof ran};
	dm_error err = {0};
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict};
	dm_noise_ops noise_ops = {.struct_size = sizeof noise_ops, .fill = fill};
	snprintf(grid, sizeof grid, "%s,steps=%d,final=%s", p->grid, steps, final);
	struct recipe r = {.sampler = m->spec, .schedule = p->schedule, .grid = grid, .guidance = "cfg:scale=3"};
	r.model = model_of(m->spec, p->model);
	if (make_objects(&o, &r, &ops, &w, NULL, &err) != DM_OK)
		fail_msg("%s over %s: %s", m->spec, p->schedule, err.message);
	assert_int_equal(dm_noise_create_custom(&noise, &noise_ops, &source, NULL, NULL), DM_OK);
	assert_int_equal(dm_array_create_host(&array, DM_F64, NULL, NULL, NULL, NULL), DM_OK);
	assert_int_equal(dm_run_create(&run, o.plan, array, noise, 1, N, "seed=9", NULL, 0, NULL), DM_OK);
	if (dm_run_all(run, &err) != DM_OK)
		fail_msg("%s over %s: %s", m->spec, p->schedule, err.message);
	assert_int_equal(dm_run_facts(run, &ran, NULL), DM_OK);
	int clean = dm_grid_node(o.grid, dm_grid_count(o.grid) - 1)->sigma == 0;
	check_totals(m, o.plan, &ran, clean, &w, &source, draws_of(m, o.schedule, o.grid));
	finish_run(run, DM_F64, x);
	finish_run(make_run(o.plan, DM_F64, 1, N, "seed=9"), DM_F64, same);
	assert_memory_equal(x, same, sizeof x);
	dm_array_free(array);
	dm_noise_free(noise);
	free_objects(&o);
}

static void counts(void **state)
{
	static const int steps[] = {1, 2, 3, 7};
	(void)state;
	for (int k = 0; k < N_PROCESS; k++)
		for (int i = 0; i < N_METHOD; i++)
			for (int n = 0; n < 4; n++) {
				check_counts(&methods[i], &processes[k], steps[n], "zero");
				if (steps[n] > 1)
					check_counts(&methods[i], &processes[k], steps[n], "included");
			}
}

/* Without guidance only a method of CFG++ asks for the branch without condition, at every evaluation. */
static void branches_without_guidance(void **state)
{
	(void)state;
	for (int i = 0; i < N_METHOD; i++) {
		double x[4];
		struct world w = {.kind = "v", .target = &mixture};
		struct recipe r = {.sampler = methods[i].spec, .schedule = "vp", .grid = "trailing:steps=4"};
		r.model = model_of(methods[i].spec, "v");
		dm_plan *plan = make_plan(&r, predict, &w);
		finish_run(make_run(plan, DM_F64, 1, 4, NULL), DM_F64, x);
		dm_plan_free(plan);
		if (w.branches != w.calls * (strstr(methods[i].spec, "cfg_pp") ? 2 : 1))
			fail_msg("%s: %d branches in %d evaluations", methods[i].spec, (int)w.branches, (int)w.calls);
	}
}

/* To a clean node a method returns its last prediction. */
static void exact_end(void **state)
{
	enum { N = 64 };
	(void)state;
	for (int k = 0; k < N_PROCESS; k++)
		for (int i = 0; i < N_METHOD; i++) {
			const struct process *p = &processes[k];
			char grid[120];
			double x[N];
			if (methods[i].flags & CORRECTS)
				continue;
			struct world w = {.kind = p->model, .target = &mixture};
			snprintf(grid, sizeof grid, "%s,steps=6,final=zero", p->grid);
			struct recipe r = {.sampler = methods[i].spec, .schedule = p->schedule, .grid = grid};
			r.model = model_of(methods[i].spec, p->model);
			dm_plan *plan = make_plan(&r, predict, &w);
			if (facts_of(plan).departs & DM_DEPARTS_MEAN) {
				dm_plan_free(plan);
				continue;
			}
			finish_run(make_run(plan, DM_F64, 1, N, NULL), DM_F64, x);
			dm_plan_free(plan);
			for (int e = 0; e < N; e++)
				if (!(fabs(x[e] - w.last_x0[e]) <= 1e-12))
					fail_msg("%s over %s: ends off its last prediction by %g", methods[i].spec, p->schedule,
					         x[e] - w.last_x0[e]);
		}
}

/* -------------------------------------------------------------------------------------------- two ways to one method */

/* 0 where the method does not start. */
static int sample_by(const char *sampler, const struct process *p, const char *grid, double said, double *x, size_t n)
{
	struct world w = {.kind = p->model, .target = &mixture, .alike = 1, .said = said};
	struct recipe r = {.sampler = sampler, .schedule = p->schedule, .grid = grid};
	r.model = model_of(sampler, p->model);
	struct objects o;
	dm_error err = {0};
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict};
	dm_status st = make_objects(&o, &r, &ops, &w, NULL, &err);
	if (st == DM_OK)
		finish_run(make_run(o.plan, DM_F64, 1, n, "seed=4"), DM_F64, x);
	free_objects(&o);
	if (st != DM_OK && st != DM_ERR_UNSUPPORTED)
		fail_msg("%s over %s: %s", sampler, p->schedule, err.message);
	return st == DM_OK;
}

static void check_same(const char *one, const char *other, const struct process *p, const char *grid, double said,
                       int must_start)
{
	enum { N = 70 };
	double a[N], b[N], size = 1;
	int started = sample_by(one, p, grid, said, a, N) && sample_by(other, p, grid, said, b, N);
	if (must_start && !started)
		fail_msg("%s or %s does not start over %s, %s", one, other, p->schedule, grid);
	for (int e = 0; started && e < N; e++)
		size = fmax(size, fabs(a[e]));
	for (int e = 0; started && e < N; e++)
		if (!(fabs(a[e] - b[e]) <= 1e-12 * size))
			fail_msg("%s is not %s over %s, %s: %.17g, %.17g", one, other, p->schedule, grid, a[e], b[e]);
}

static void methods_that_are_the_same(void **state)
{
	static const char *const finals[] = {"zero", "last", "repeat"};
	(void)state;
	for (int k = 0; k < N_PROCESS; k++)
		for (int i = 0; i < N_SAME; i++)
			for (int v = 0; v < 6; v++) {
				const struct process *p = &processes[k];
				char grid[120];
				if ((same_methods[i].where == ON_STRAIGHT && !p->straight) ||
				    (same_methods[i].where == OFF_FLOW && !strcmp(p->schedule, "flow")) ||
				    (same_methods[i].where == TO_CLEAN && (p->table || v / 2)))
					continue;
				snprintf(grid, sizeof grid, "%s,steps=6,final=%s", v % 2 ? p->from_end : p->grid, finals[v / 2]);
				check_same(same_methods[i].one, same_methods[i].other, p, grid, 0, v % 2 == 0);
			}
}

/* A learned variance in a range goes from the small one at -1 to the large one at 1. */
static void ends_of_the_learned_range(void **state)
{
	(void)state;
	for (int k = 0; k < N_PROCESS; k++) {
		char grid[120];
		snprintf(grid, sizeof grid, "%s,steps=6", processes[k].grid);
		check_same("ddpm:variance=learned_range", "ddpm", &processes[k], grid, -1, 1);
		check_same("ddpm:variance=learned_range", "ddpm:variance=large", &processes[k], grid, 1, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_sampler_has_a_row),
	    cmocka_unit_test(identities_of_plans),
	    cmocka_unit_test(constant_denoiser_in_runs),
	    cmocka_unit_test(grids_that_go_up),
	    cmocka_unit_test(counts),
	    cmocka_unit_test(branches_without_guidance),
	    cmocka_unit_test(exact_end),
	    cmocka_unit_test(methods_that_are_the_same),
	    cmocka_unit_test(ends_of_the_learned_range),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
