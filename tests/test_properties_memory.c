/* Memory: an allocation that fails is an error and leaves nothing behind, wherever it happens; stepping allocates
 * nothing; objects may be freed in any order. For every method, over the processes in turn. */
#include "properties.h"
#include "property_table.h"

enum { SAMPLES = 2, ELEMENTS = 5, NEVER = 1 << 30 };

/* Every how many-th method, which allocate alike, and order of freeing: the sanitizers take minutes for all. */
#ifndef EVERY
#define EVERY 1
#endif

/* An allocator that counts, and says no at its `fails_at`-th call, or from there on. Blocks start and end as rubbish, so
 * that nobody relies on zeros or on memory given back. */
struct heap {
	int64_t calls, live, fails_at;
	size_t bytes;
	int from_then_on, refused;
};

static void *take(void *user, size_t bytes)
{
	struct heap *h = user;
	int64_t call = h->calls++;
	if (call == h->fails_at || (h->from_then_on && call > h->fails_at)) {
		h->refused++;
		return NULL;
	}
	h->live++;
	h->bytes += bytes;
	void *memory = malloc(bytes);
	memset(memory, 0xA5, bytes);
	return memory;
}

static void give_back(void *user, void *memory, size_t bytes)
{
	struct heap *h = user;
	h->live--;
	h->bytes -= bytes;
	static void *(*const volatile set)(void *, int, size_t) = memset; /* volatile: not optimised away before free */
	set(memory, 0xDD, bytes);
	free(memory);
}

/* The model's user: counts the destroy calls too. */
struct owner {
	struct world world;
	int destroyed;
};

/* The kind of a model's spec. */
static const char *kind_of(const char *model)
{
	for (int i = 0; i < N_PROCESS; i++)
		if (strcspn(model, ":") == strlen(processes[i].model) &&
		    !strncmp(model, processes[i].model, strcspn(model, ":")))
			return processes[i].model;
	return model;
}

static void destroy(void *user)
{
	((struct owner *)user)->destroyed++;
}

static void destroy_source(void *user)
{
	++*(int *)user;
}

static dm_status fill(void *user, const dm_request *rq)
{
	(void)user;
	for (size_t i = 0; i < rq->n_sample; i++)
		dm_normals(rq->seed[i], rq->sample[i], rq->draw, 0, rq->n_element, rq->out_type,
		           (char *)rq->out[0] + i * rq->out_stride * size_of(rq->out_type), NULL);
	return 0;
}

/* Everything a run is made of, then the run to its end. */
static dm_status make_all(const struct recipe *r, struct heap *h, struct owner *owner, dm_error *err)
{
	struct objects o;
	dm_array *array = NULL;
	dm_noise *noise = NULL;
	dm_run *run = NULL;
	int sources = 0;
	dm_allocator a = {sizeof a, h, take, give_back};
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict, .destroy = destroy};
	dm_noise_ops noise_ops = {.struct_size = sizeof noise_ops, .fill = fill, .destroy = destroy_source};
	dm_status st = make_objects(&o, r, &ops, owner, &a, err);
	int modelled = o.model != NULL || owner->destroyed;
	if (st == DM_OK)
		st = dm_array_create_host(&array, DM_F32, NULL, NULL, &a, err);
	if (st == DM_OK) {
		st = dm_noise_create_custom(&noise, &noise_ops, &sources, &a, err);
		assert_int_equal(sources, st != DM_OK);
	}
	if (st == DM_OK)
		st = dm_run_create(&run, o.plan, array, noise, SAMPLES, ELEMENTS, NULL, NULL, 0, err);
	if (st == DM_OK) {
		int64_t calls = h->calls;
		if (dm_run_all(run, err) != DM_OK)
			fail_msg("%s: %s", r->sampler, err->message);
		if (h->calls != calls)
			fail_msg("%s over %s: %d allocations while stepping", r->sampler, r->schedule, (int)(h->calls - calls));
	} else
		assert_null(run);
	free_objects(&o); /* the run keeps what it needs */
	dm_noise_free(noise);
	dm_array_free(array);
	dm_run_free(run);
	assert_int_equal(owner->destroyed, modelled);
	return st;
}

static dm_status make_line(const struct recipe *r, struct heap *h, struct owner *owner, dm_error *err)
{
	char line[400];
	dm_run *run;
	dm_allocator a = {sizeof a, h, take, give_back};
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict, .destroy = destroy};
	snprintf(line, sizeof line, "sampler=%s schedule=%s grid=%s model=%s guidance=%s seed=3", r->sampler, r->schedule,
	         r->grid, r->model, r->guidance);
	dm_status st = dm_run_create_spec(&run, line, &ops, owner, SAMPLES, ELEMENTS, &a, err);
	assert_true((run != NULL) == (st == DM_OK));
	int64_t calls = h->calls;
	if (run && dm_run_all(run, err) != DM_OK)
		fail_msg("%s: %s", line, err->message);
	assert_int_equal(h->calls, calls);
	dm_run_free(run);
	assert_int_equal(owner->destroyed, 1);
	return st;
}

typedef dm_status maker(const struct recipe *r, struct heap *h, struct owner *owner, dm_error *err);

/* Fails at every allocation in turn until all goes well. */
static void check_recipe(const struct recipe *r, maker *make)
{
	for (int from_then_on = 0; from_then_on < 2; from_then_on++) {
		dm_status st = DM_ERR_MEMORY;
		int64_t k = 0;
		for (; st != DM_OK; k++) {
			struct heap h = {.fails_at = k, .from_then_on = from_then_on};
			struct owner owner = {{.kind = kind_of(r->model), .target = &mixture}, 0};
			dm_error err = {0};
			st = make(r, &h, &owner, &err);
			if (st != (h.refused ? DM_ERR_MEMORY : DM_OK) || err.status != st)
				fail_msg("%s over %s: allocation %d failed, but %s \"%s\"", r->sampler, r->schedule, (int)k,
				         dm_status_name(st), err.message);
			if (h.live || h.bytes)
				fail_msg("%s over %s: allocation %d failed, %d blocks (%d bytes) are left", r->sampler, r->schedule,
				         (int)k, (int)h.live, (int)h.bytes);
		}
		assert_true(k > 6);
	}
}

static void every_method(maker *make)
{
	for (int i = 0; i < N_METHOD; i += EVERY) {
		const struct process *p = &processes[i % N_PROCESS];
		char grid[120];
		snprintf(grid, sizeof grid, "%s,steps=2", p->grid);
		struct recipe r = {.sampler = methods[i].spec, .schedule = p->schedule, .grid = grid};
		r.model = model_of(r.sampler, p->model);
		r.guidance = "cfg:scale=2|rescale:phi=0.5|clip";
		check_recipe(&r, make);
	}
}

static void failing_allocations(void **state)
{
	(void)state;
	every_method(make_all);
}

static void failing_allocations_of_a_spec(void **state)
{
	(void)state;
	every_method(make_line);
}

/* Objects with memory of their own: tables, lists. */
static void failing_allocations_of_tables(void **state)
{
	static const struct recipe recipes[] = {
	    {.schedule = "betas:at=0.1/0.2/0.3/0.5", .grid = "times:at=3/2/0"},
	    {.schedule = "alpha_bars:at=0.9/0.5/0.1", .grid = "leading:steps=2"},
	    {.schedule = "scaled_linear", .grid = "levels:at=9/3/1"},
	    {.schedule = "squared_cosine", .grid = "linspace:steps=3"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
		struct recipe r = recipes[i];
		r.sampler = "dpmpp_2m";
		r.model = "epsilon";
		r.guidance = "none";
		check_recipe(&r, make_all);
		check_recipe(&r, make_line);
	}
}

/* Objects that another function makes from arrays of the caller's. */
static void failing_allocations_of_given_tables(void **state)
{
	static const double betas[] = {0.1, 0.2, 0.5}, alpha_bars[] = {0.9, 0.5, 0.2};
	static const dm_node nodes[] = {{.t = 1, .time = NAN, .alpha = 0.6, .sigma = 0.8}, {.time = NAN, .alpha = 1}};
	(void)state;
	int refused = 1;
	for (int64_t k = 0; refused; k++) {
		struct heap h = {.fails_at = k};
		dm_allocator a = {sizeof a, &h, take, give_back};
		dm_schedule *one = NULL, *other = NULL;
		dm_grid *grid = NULL;
		dm_error err = {0};
		dm_status st = dm_schedule_create_betas(&one, betas, 3, &a, &err);
		if (st == DM_OK)
			st = dm_schedule_create_alpha_bars(&other, alpha_bars, 3, &a, &err);
		if (st == DM_OK)
			st = dm_grid_create_nodes(&grid, other, nodes, 2, &a, &err);
		if (st != (h.refused ? DM_ERR_MEMORY : DM_OK))
			fail_msg("allocation %d failed, but %s \"%s\"", (int)k, dm_status_name(st), err.message);
		refused = h.refused;
		dm_grid_free(grid);
		dm_schedule_free(other);
		dm_schedule_free(one);
		assert_int_equal(h.live, 0);
		assert_int_equal(h.bytes, 0);
	}
}

/* ---------------------------------------------------------------------------------------------- destroying in any order
 */

enum { N_OBJECT = 8 };

static void free_one(int which, struct objects *o, dm_array *array, dm_run *run)
{
	switch (which) {
	case 0:
		dm_schedule_free(o->schedule);
		break;
	case 1:
		dm_grid_free(o->grid);
		break;
	case 2:
		dm_sampler_free(o->sampler);
		break;
	case 3:
		dm_model_free(o->model);
		break;
	case 4:
		dm_guidance_free(o->guidance);
		break;
	case 5:
		dm_plan_free(o->plan);
		break;
	case 6:
		dm_array_free(array);
		break;
	default:
		dm_run_free(run);
	}
}

/* Frees in the order of the index-th permutation; the run takes a step before each. */
static void free_in_order(const struct recipe *r, int index)
{
	int left[N_OBJECT] = {0, 1, 2, 3, 4, 5, 6, 7}, running = 1;
	struct heap h = {.fails_at = NEVER};
	struct owner owner = {{.kind = r->model, .target = &mixture}, 0};
	struct objects o;
	dm_array *array;
	dm_run *run;
	dm_allocator a = {sizeof a, &h, take, give_back};
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict, .destroy = destroy};
	assert_int_equal(make_objects(&o, r, &ops, &owner, &a, NULL), DM_OK);
	assert_int_equal(dm_array_create_host(&array, DM_F64, NULL, NULL, &a, NULL), DM_OK);
	assert_int_equal(dm_run_create(&run, o.plan, array, NULL, SAMPLES, ELEMENTS, NULL, NULL, 0, NULL), DM_OK);
	for (int n = N_OBJECT; n > 0; n--) {
		const dm_request *rq;
		int pick = index % n;
		index /= n;
		if (running && dm_run_next(run, &rq, NULL) == DM_EVAL)
			answer(&owner.world, rq);
		free_one(left[pick], &o, array, run);
		running &= left[pick] != N_OBJECT - 1;
		left[pick] = left[n - 1];
	}
	assert_int_equal(h.live, 0);
	assert_int_equal(h.bytes, 0);
	assert_int_equal(owner.destroyed, 1);
}

static void freed_in_any_order(void **state)
{
	static const struct recipe recipes[] = {
	    {.sampler = "unipc:order=3", .schedule = "linear", .grid = "trailing:steps=9", .model = "epsilon"},
	    {.sampler = "dpm_adaptive:eta=1", .schedule = "edm", .grid = "karras:steps=9", .model = "edm"},
	};
	int factorial = 1;
	(void)state;
	for (int n = 2; n <= N_OBJECT; n++)
		factorial *= n;
	for (int i = 0; i < factorial; i += EVERY)
		free_in_order(&recipes[0], i);
	for (int i = 0; i < factorial; i += 7 * EVERY)
		free_in_order(&recipes[1], i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(failing_allocations),
	    cmocka_unit_test(failing_allocations_of_a_spec),
	    cmocka_unit_test(failing_allocations_of_tables),
	    cmocka_unit_test(failing_allocations_of_given_tables),
	    cmocka_unit_test(freed_in_any_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
