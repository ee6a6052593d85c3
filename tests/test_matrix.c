/* Every sampler on every schedule with every kind of prediction, in 1 to 64 steps, in f32 and f64, to sigma = 0 and to the
 * schedule's least noise: no NaN, as many evaluations as the plan says, samples that stay with the data from 5 steps on
 * and, of deterministic methods, near the converged trajectory at 64. A fixed tenth of it; all of it with --long.
 *
 * Methods come from the registries. What a method cannot do stands in the tables below, each row with its cause; a
 * combination that begins or ceases to be refused fails. */
#include "matrix_scene.h"

static const int step_counts[] = {1, 2, 3, 5, 16, MOST_STEPS};
enum { N_STEPS = LENGTH(step_counts), N_FINAL = 2, N_TYPE = 2, N_SHARE = 10 };

static int is_long;

struct combination {
	const struct scene *scene;
	const char *sampler, *kind;
	int32_t type;
};

/* --------------------------------------------------------------------------------------------------- what is refused */

/* A single step of one ulp, in which some methods ask for nothing, so that no kind is wrong. */
static int is_still(const struct scene *s)
{
	return s->place.how == ONE_ULP && s->steps == 1 && s->final == TO_LEAST;
}

static int is_previous(const struct combination *c)
{
	return !strcmp(c->kind, "previous") && !dm_schedule_table_size(c->scene->schedule);
}

/* The network sees noise alone, and says no more than that. */
static int is_blind(const struct combination *c)
{
	static const char *const blind[] = {"epsilon", "minus_epsilon", "score"};
	for (size_t i = 0; i < LENGTH(blind); i++)
		if (!strcmp(c->kind, blind[i]))
			return c->scene->from->alpha == 0;
	return 0;
}

static int is_alpha_zero(const struct combination *c)
{
	return c->scene->from->alpha == 0;
}

/* One step to the clean end is the prediction alone. */
static int is_alpha_zero_and_more(const struct combination *c)
{
	return is_alpha_zero(c) && (c->scene->to->sigma > 0 || c->scene->steps - c->scene->start > 1);
}

/* sampler NULL: all. The message holds both words. */
static const struct refusal {
	const char *sampler;
	int (*applies)(const struct combination *c);
	const char *words[2];
} refusals[] = {
    {NULL, is_previous, {"model \"previous\"", "cannot be had"}},                 /* no table, so no entry below */
    {NULL, is_blind, {"cannot be had", "at alpha = 0"}},                          /* x0 = (x - sigma epsilon) / alpha */
    {"annealed_langevin", is_alpha_zero, {"annealed_langevin", "alpha > 0"}},     /* steps of the size of sigma/alpha */
    {"dpm_adaptive", is_alpha_zero, {"steps in lambda", "alpha > 0"}},            /* lambda is infinite there */
    {"dpmpp_2s_ancestral_cfg_pp", is_alpha_zero, {"needs alpha > 0", "cfg_pp"}},  /* the middle of infinite lambda */
    {"gradient_estimation_cfg_pp", is_alpha_zero, {"needs alpha > 0", "cfg_pp"}}, /* goes on x / alpha */
    {"edm_ablation", is_alpha_zero, {"finite drift", "edm_ablation"}},            /* drift is infinite there */
    {"euler_maruyama", is_alpha_zero, {"euler_maruyama", "alpha > 0"}},           /* the same */
    {"pc", is_alpha_zero, {"\"pc\"", "drift and diffusion"}},                     /* the same */
    {"rk45", is_alpha_zero_and_more, {"\"rk45\"", "drift and diffusion"}},        /* the same */
};

static int refusal_used[LENGTH(refusals)];

/* ------------------------------------------------------------------------------------------------------- exceptions */

/* Up to so many steps, samples may leave the data. */
static const struct {
	const char *sampler;
	int steps;
	const char *cause;
} large[] = {
    {"annealed_langevin", 64, "steps too large for its noise levels"},
    {"bdia", 5, "goes back by its own previous step: errors alternate"},
    {"dpm2", 5, "a slope from the middle of a step over many levels"},
    {"dpm2_ancestral", 5, "the same"},
    {"edict", 16, "two states mixed with weights above 1"},
    {"edm_ablation", 5, "a slope from the end of a step in sigma"},
    {"euler_maruyama", 5, "a line in time over many levels"},
    {"heun", 5, "a slope from the end of a step over many levels"},
    {"lcm", 64, "its scalings are for a table's index: at times below 1 it returns a part of x"},
    {"pc", 5, "a line in the step's variance over many levels"},
    {"plms", 5, "a first trapezoid over many levels"},
    {"pndm", 16, "first Runge-Kutta steps over many levels"},
};

static int large_used[LENGTH(large)];

/* Orders of the whole run of deterministic methods (1 where a method is not listed), times the factor; order 0: adaptive,
 * with the error that its default tolerance allows. */
static const struct {
	const char *sampler;
	int order;
	double factor;
} orders[] = {
    {"ab", 2, 1},
    {"deis", 2, 1},
    {"dpm2", 2, 1},
    {"dpm_adaptive", 0, 0.05}, /* rtol = 0.05 */
    {"dpm_fast", 2, 1},
    {"dpm_multistep", 2, 1},
    {"dpm_singlestep", 2, 1},
    {"dpm_singlestep_midtime", 3, 1},
    {"dpmpp_2m", 2, 1},
    {"dpmpp_2m_cfg_pp", 2, 1},
    {"dpmpp_3m", 2, 1},
    {"edict", 1, 8},        /* 0.93 of one state and 0.07 of the other, back and forth */
    {"edm_ablation", 1, 1}, /* 2 in time, where the right side of a table jumps at every entry */
    {"exp_heun_2_x0", 2, 1},
    {"heun", 2, 1},
    {"ipndm", 2, 1},
    {"ipndm_v", 2, 1},
    {"lms", 2, 1},
    {"plms", 2, 1},
    {"pndm", 2, 1},
    {"reab", 2, 1},
    {"res_2s", 2, 1},
    {"res_multistep", 2, 1},
    {"rk45", 0, 0.01}, /* rtol = 1e-5, and at every entry of a table the right side jumps */
    {"sa_solver", 2, 1},
    {"unipc", 2, 1},
};

/* ------------------------------------------------------------------------------------------------------------ checks */

/* Distance from the converged trajectory that is allowed. */
static double allowed(const struct combination *c)
{
	static const double constant[] = {1, 0.5, 0.5, 0.05};
	const double rounding = c->type == DM_F32 ? 2e-3 : 1e-6;
	for (size_t i = 0; i < LENGTH(orders); i++)
		if (!strcmp(orders[i].sampler, c->sampler)) {
			int p = orders[i].order;
			return constant[p] * orders[i].factor * (p ? c->scene->size[p] : 1) + rounding;
		}
	return constant[1] * c->scene->size[1] + rounding;
}

static int n_failure;

/* Whether a sampler at a place is met for the first time here, of the first 40. */
static int is_new(const struct combination *c)
{
	static struct {
		int place;
		const char *sampler;
	} seen[40];
	static size_t n;
	for (size_t i = 0; i < n; i++)
		if (seen[i].place == c->scene->number && seen[i].sampler == c->sampler)
			return 0;
	if (n == LENGTH(seen))
		return 0;
	seen[n].place = c->scene->number;
	seen[n++].sampler = c->sampler;
	return 1;
}

__attribute__((format(printf, 2, 3))) static void complain(const struct combination *c, const char *format, ...)
{
	static const char *const how[] = {"", " from the middle", " one ulp apart"};
	const struct scene *s = c->scene;
	char text[400];
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	n_failure++;
	if (is_new(c))
		print_error("%s, %s%s over %s%s, %s, %d steps to %s, %s: %s\n", c->sampler, s->place.schedule, s->place.options,
		            s->place.grid, how[s->place.how], c->kind, s->steps, s->final == TO_ZERO ? "0" : "sigma_min",
		            c->type == DM_F32 ? "f32" : "f64", text);
}

/* The refusal that fits, with its words where a message is given. */
static const struct refusal *find_refusal(const struct combination *c, const char *message)
{
	for (size_t i = 0; i < LENGTH(refusals); i++) {
		const struct refusal *r = &refusals[i];
		if ((r->sampler && strcmp(r->sampler, c->sampler)) || !r->applies(c))
			continue;
		if (message && (!strstr(message, r->words[0]) || !strstr(message, r->words[1])))
			continue;
		refusal_used[i] = 1;
		return r;
	}
	return NULL;
}

static void check_refusal(const struct combination *c, const dm_error *err)
{
	if (err->status != DM_ERR_UNSUPPORTED || !find_refusal(c, err->message))
		complain(c, "%s: %s", dm_status_name(err->status), err->message);
}

static int may_be_large(const struct combination *c)
{
	for (size_t i = 0; i < LENGTH(large); i++)
		if (!strcmp(large[i].sampler, c->sampler) && c->scene->steps <= large[i].steps)
			return large_used[i] = 1;
	return c->scene->steps < 5;
}

static void check_values(const struct combination *c, const double *x, int deterministic)
{
	const struct scene *s = c->scene;
	double top = 0, limit = size_limit(s->to->alpha, s->to->sigma);
	for (int i = 0; i < N_VALUE; i++) {
		if (!(fabs(x[i]) < 1e30)) {
			complain(c, "element %d is %g", i, x[i]);
			return;
		}
		top = fmax(top, fabs(x[i]));
	}
	if (top > limit && !may_be_large(c))
		complain(c, "|x| is %g, above %g", top, limit);
	for (int i = 0; i < N_VALUE && deterministic && s->steps == MOST_STEPS; i++)
		if (fabs(x[i] - s->expected[i]) > allowed(c) + 1.1 * s->last_step[i]) {
			complain(c, "element %d is %g instead of %g, more than %g + %g away", i, x[i], s->expected[i], allowed(c),
			         s->last_step[i]);
			return;
		}
}

static void check_run(const struct combination *c, const dm_plan *plan, struct denoiser *d, const dm_array *array)
{
	dm_plan_info said = {.struct_size = sizeof said};
	dm_run_info done = {.struct_size = sizeof done};
	dm_run *run;
	double x[N_VALUE];
	dm_error err = {0};
	d->calls = 0;
	dm_status st = dm_run_create(&run, plan, array, NULL, N_SAMPLE, N_ELEMENT, NULL, NULL, 0, &err);
	if (st == DM_OK)
		st = dm_run_all(run, &err);
	if (st == DM_OK)
		st = dm_run_state(run, x, DM_F64, &err);
	if (st != DM_OK)
		complain(c, "%s: %s", dm_status_name(st), err.message);
	assert_int_equal(dm_plan_facts(plan, &said, NULL), DM_OK);
	if (st == DM_OK) {
		assert_int_equal(dm_run_facts(run, &done, NULL), DM_OK);
		if (done.n_eval != d->calls || (!said.adaptive && said.n_eval != d->calls))
			complain(c, "%d evaluations; the plan said %d, the run %d", (int)d->calls, (int)said.n_eval,
			         (int)done.n_eval);
		check_values(c, x, said.adaptive || said.n_draw == 0);
	}
	dm_run_free(run);
}

static void check_combination(const struct combination *c, const dm_sampler *sampler, const dm_model *model,
                              struct denoiser *d, const dm_array *array)
{
	dm_plan *plan;
	dm_error err = {0};
	char options[40];
	snprintf(options, sizeof options, "start=%d", c->scene->start);
	dm_status st = dm_plan_create(&plan, c->scene->schedule, c->scene->grid, sampler, model, NULL, options, NULL, &err);
	if (st != DM_OK)
		check_refusal(c, &err);
	else if (find_refusal(c, NULL) && !is_still(c->scene))
		complain(c, "is accepted");
	else
		check_run(c, plan, d, array);
	dm_plan_free(plan);
}

/* ------------------------------------------------------------------------------------------------------- the matrix */

/* Whether a combination is in the part that is run: by a hash of its number, so that no factor is favoured. */
static int is_chosen(uint64_t number)
{
	uint64_t h = (number + 1) * 0x9e3779b97f4a7c15u;
	h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
	return is_long || (h ^ h >> 32) % N_SHARE == 0;
}

static void run_scene(const struct scene *s, dm_array *const array[N_TYPE], uint64_t *number)
{
	static const int32_t types[N_TYPE] = {DM_F32, DM_F64};
	const dm_method *kind, *method;
	for (int k = 0; (kind = dm_method_at(DM_KIND_MODEL, k)); k++) {
		struct denoiser d = denoiser_of(kind->name, s->schedule);
		dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict};
		dm_model *model;
		assert_int_equal(dm_model_create(&model, kind->name, &ops, &d, NULL, NULL), DM_OK);
		for (int m = 0; (method = dm_method_at(DM_KIND_SAMPLER, m)); m++) {
			dm_sampler *sampler;
			assert_int_equal(dm_sampler_create(&sampler, method->name, NULL, NULL), DM_OK);
			for (int t = 0; t < N_TYPE; t++)
				if (is_chosen((*number)++))
					check_combination(&(struct combination){s, method->name, kind->name, types[t]}, sampler, model, &d,
					                  array[t]);
			dm_sampler_free(sampler);
		}
		dm_model_free(model);
	}
}

static void matrix(void **state)
{
	struct place place;
	struct scene scene;
	dm_array *array[N_TYPE];
	uint64_t number = 0;
	(void)state;
	assert_int_equal(dm_array_create_host(&array[0], DM_F32, NULL, NULL, NULL, NULL), DM_OK);
	assert_int_equal(dm_array_create_host(&array[1], DM_F64, NULL, NULL, NULL, NULL), DM_OK);
	for (int w = 0; place_at(w, &place); w++)
		for (int i = 0; i < N_STEPS * N_FINAL; i++) {
			open_scene(&scene, &place, w, step_counts[i / N_FINAL], i % N_FINAL);
			run_scene(&scene, array, &number);
			close_scene(&scene);
		}
	for (int t = 0; t < N_TYPE; t++)
		dm_array_free(array[t]);
	for (size_t i = 0; i < LENGTH(refusals); i++)
		assert_true(refusal_used[i]);
	for (size_t i = 0; i < LENGTH(large) && is_long; i++)
		if (!large_used[i])
			fail_msg("%s stays with the data: no exception is needed", large[i].sampler);
	if (n_failure)
		fail_msg("%d combinations of %d", n_failure, (int)number);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(matrix)};
	is_long = argc > 1 && !strcmp(argv[1], "--long");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
