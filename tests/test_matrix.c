/* Every sampler on every schedule with every kind of prediction, in 1 to 64 steps, in f32 and f64, to sigma = 0 and to the
 * schedule's least noise: no NaN, as many evaluations as the plan says, samples that stay with the data from 5 steps on
 * and, of deterministic methods, as near the converged trajectory at 64 as their certificate says (docs/certificates.md).
 * What draws has no one trajectory: of its 16 values only the size is judged, its law in the certificates. A fixed tenth
 * of it; with --long all of it, and some settings other than the defaults.
 *
 * Methods come from the registries. What a method cannot do stands in the tables below, each row with its cause; a
 * combination that begins or ceases to be refused fails. */
#include "matrix_certificate.h"

static const int step_counts[] = {1, 2, 3, 5, 16, MOST_STEPS};
enum { N_STEPS = LENGTH(step_counts), N_FINAL = 2, N_TYPE = 2, N_SHARE = 10 };

static int is_long;

struct combination {
	const struct scene *scene;
	const char *sampler, *kind;
	int32_t type;
};

/* Beside the defaults: higher orders with the start that they need, SDE forms, the analytic first step. */
static const char *const more_settings[] = {
    "ab:order=3,start=rk",
    "ab:order=4,start=rk",
    "ab:form=epsilon",
    "ab:form=v",
    "deis:order=4,start=rk",
    "dpm_multistep:algorithm=dpmsolver",
    "dpm_multistep:algorithm=sde-dpmsolver",
    "dpm_multistep:algorithm=sde-dpmsolver++",
    "dpm_multistep:order=3,true_order=1,start=rk",
    "dpm_singlestep:algorithm=sde-dpmsolver++",
    "dpmpp_2m:analytic_first=1",
    "dpmpp_3m:true_order=1,start=rk",
    "dpmpp_3m_sde:true_order=1,start=rk",
    "er_sde:noise_scaler=power,s_noise=0,start=rk",
    "ipndm_v:start=rk",
    "lms:start=rk",
    "reab:order=4,start=rk",
    "sa_solver:tau=0,lower_order_final=0,start=rk",
    "sa_solver:tau_from=inf,tau_to=0,lower_order_final=0",
    "unipc:order=3,lower_order_final=0,start=rk",
    "unipc:order=4,lower_order_final=0,start=rk",
};

/* The methods of the registry, then those settings; NULL past the end. */
static const char *setting_at(int i)
{
	int n = 0;
	while (dm_method_at(DM_KIND_SAMPLER, n))
		n++;
	if (i < n)
		return dm_method_at(DM_KIND_SAMPLER, i)->name;
	return is_long && i - n < (int)LENGTH(more_settings) ? more_settings[i - n] : NULL;
}

/* Whether a setting is one of a method, or the very setting that is named. */
static int is_of(const struct combination *c, const char *named)
{
	size_t n = strlen(named);
	return !strncmp(c->sampler, named, n) && (c->sampler[n] == 0 || c->sampler[n] == ':');
}

/* --------------------------------------------------------------------------------------------------- what is refused */

static int is_analytic_first(const struct combination *c)
{
	return strstr(c->sampler, "analytic_first=1") != NULL;
}

/* A single step of one ulp, or with an analytic prediction, in which nothing may be asked for, so that no kind is wrong. */
static int is_still(const struct combination *c)
{
	const struct scene *s = c->scene;
	int tiny = s->place.how == ONE_ULP && s->final == TO_LEAST;
	return s->steps - s->start == 1 && (tiny || is_analytic_first(c));
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
			return c->scene->from->alpha == 0 && !is_analytic_first(c);
	return 0;
}

static int is_table(const struct combination *c)
{
	return dm_schedule_table_size(c->scene->schedule) > 0;
}

static int is_alpha_zero(const struct combination *c)
{
	return c->scene->from->alpha == 0;
}

/* One step of rk45 to the clean end is the prediction alone. */
static int is_table_from_zero(const struct combination *c)
{
	int one = c->scene->to->sigma == 0 && c->scene->steps - c->scene->start == 1;
	return is_alpha_zero(c) && is_table(c) && !(one && is_of(c, "rk45"));
}

/* sampler NULL: all. The message holds both words. */
static const struct refusal {
	const char *sampler;
	int (*applies)(const struct combination *c);
	const char *words[2];
} refusals[] = {
    {NULL, is_previous, {"model \"previous\"", "cannot be had"}},             /* no table, so no entry below */
    {NULL, is_blind, {"cannot be had", "at alpha = 0"}},                      /* x0 = (x - sigma epsilon) / alpha */
    {"annealed_langevin", is_alpha_zero, {"annealed_langevin", "alpha > 0"}}, /* steps of the size of sigma/alpha */
    {"dpm_adaptive", is_alpha_zero, {"steps in lambda", "alpha > 0"}},        /* lambda is infinite there */
    {"dpm_multistep:algorithm=sde-dpmsolver", is_alpha_zero, {"cannot start at alpha = 0", "no bound"}}, /* e^h noise */
    {"dpmpp_2s_ancestral_cfg_pp", is_alpha_zero, {"needs alpha > 0", "cfg_pp"}},  /* the middle of infinite lambda */
    {"gradient_estimation_cfg_pp", is_alpha_zero, {"needs alpha > 0", "cfg_pp"}}, /* goes on x / alpha */
    {"euler_maruyama", is_alpha_zero, {"euler_maruyama", "alpha > 0"}},           /* drift is infinite there */
    {"pc", is_alpha_zero, {"\"pc\"", "drift and diffusion"}},                     /* the same */
    {"edm_ablation", is_table_from_zero, {"d alpha/dt", "edm_ablation"}},         /* lambda is linear between entries */
    {"rk45", is_table_from_zero, {"d alpha/dt", "\"rk45\""}},                     /* the same */
};

static int refusal_used[LENGTH(refusals)];

/* A row about a setting that only the long matrix has. */
static int is_long_row(const char *sampler)
{
	return sampler && strchr(sampler, ':') != NULL;
}

/* ------------------------------------------------------------------------------------------------------- exceptions */

/* Up to so many steps, samples may leave the data. */
static const struct {
	const char *sampler;
	int steps;
	const char *cause;
} large[] = {
    {"ab:order=4,start=rk", 5, "extrapolates over many levels"},
    {"annealed_langevin", 64, "steps too large for its noise levels"},
    {"bdia", 5, "goes back by its own previous step: errors alternate"},
    {"dpm_multistep:algorithm=sde-dpmsolver", 64, "keeps the variance to first order of the step"},
    {"dpm2", 5, "a slope from the middle of a step over many levels"},
    {"dpm2_ancestral", 5, "the same"},
    {"dpmpp_3m_sde:true_order=1,start=rk", 16, "extrapolates over many levels"},
    {"edict", 16, "two states mixed with weights above 1"},
    {"edm_ablation", 5, "a slope from the end of a step in sigma"},
    {"euler_maruyama", 5, "a line in time over many levels"},
    {"heun", 5, "a slope from the end of a step over many levels"},
    {"lcm", 64, "its scalings are for a table's index: at times below 1 it returns a part of x"},
    {"pc", 5, "a line in the step's variance over many levels"},
    {"plms", 5, "a first trapezoid over many levels"},
    {"pndm", 16, "first Runge-Kutta steps over many levels"},
    {"sa_solver:tau_from=inf,tau_to=0,lower_order_final=0", 16, "extrapolates over many levels"},
    {"unipc:order=4,lower_order_final=0,start=rk", 16, "the same"},
};

static int large_used[LENGTH(large)];

static int is_anywhere(const struct combination *c)
{
	(void)c;
	return 1;
}

static int is_one_ulp(const struct combination *c)
{
	return c->scene->place.how == ONE_ULP;
}

/* Steps in lambda that are long at the ends. */
static int is_trailing(const struct combination *c)
{
	return !strcmp(c->scene->place.grid, "trailing");
}

/* The error at 64 steps may be MARGIN times that of the certificate, scaled to the grid; of these so many times. sampler
 * NULL: all. */
#define MARGIN 5

static const struct {
	const char *sampler;
	int (*applies)(const struct combination *c);
	double times;
	const char *cause;
} excused[] = {
    {NULL, is_one_ulp, 21, "three steps are twice as long, and their history is a node shorter"},
    {"ab:order=3,start=rk", is_trailing, 8, "errors of higher order than the leading one, in long steps"},
    {"ab:order=4,start=rk", is_trailing, 17, "the same"},
    {"dpm_multistep:order=3,true_order=1,start=rk", is_trailing, 8, "the same"},
    {"dpmpp_3m:true_order=1,start=rk", is_trailing, 8, "the same"},
    {"unipc:order=4,lower_order_final=0,start=rk", is_trailing, 10, "the same"},
    {"deis", is_anywhere, 7, "rises from order 1: the first step of the certificate is short, and at much noise"},
    {"dpmpp_2m:analytic_first=1", is_anywhere, 14, "its first prediction is wrong: the same"},
    {"dpmpp_3m", is_anywhere, 11, "rises from order 1: the same"},
    {"ipndm_v", is_anywhere, 7, "the same"},
    {"lms", is_anywhere, 7, "the same"},
    {"dpm_fast", is_anywhere, 26, "the last step has order 1: that of the certificate is short"},
    {"unipc", is_anywhere, 18, "the same"},
    {"edm_ablation", is_table, 100, "steps in time, where the right side of a table jumps at every entry"},
    {"rk45", is_table, 70, "the same"},
};

static int excused_used[LENGTH(excused)];

/* ------------------------------------------------------------------------------------------------------------ checks */

/* The default of an option. */
static double default_of(const char *sampler, const char *option)
{
	const dm_method *method;
	const dm_option *o;
	for (int i = 0; (method = dm_method_at(DM_KIND_SAMPLER, i)); i++)
		for (int k = 0; !strcmp(method->name, sampler) && (o = dm_method_option(DM_KIND_SAMPLER, i, k)); k++)
			if (!strcmp(o->name, option))
				return o->value;
	fail_msg("%s has no option %s", sampler, option);
	return NAN;
}

/* The certificate's error, brought to the grid and to the default tolerance. */
static double certified(const struct combination *c)
{
	int is_outside = !strcmp(c->sampler, "sa_solver"); /* of its window, where tau is 0 */
	struct certificate known = certificate_of(is_outside ? "sa_solver:tau=0" : c->sampler);
	if (known.order == 0)
		fail_msg("%s has no certificate", c->sampler);
	if (known.adaptive)
		return known.error * default_of(c->sampler, "rtol") / 1e-6;
	return known.error * c->scene->size[known.order] / certified_size(known.order);
}

/* By how many times the certificate may be exceeded where an error does it so many times. */
static double excuse(const struct combination *c, double error)
{
	double most = MARGIN;
	for (size_t i = 0; i < LENGTH(excused) && error > MARGIN; i++)
		if ((!excused[i].sampler || !strcmp(c->sampler, excused[i].sampler)) && excused[i].applies(c)) {
			excused_used[i] |= error <= excused[i].times;
			most = fmax(most, excused[i].times);
		}
	return most;
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
		if ((r->sampler && !is_of(c, r->sampler)) || !r->applies(c))
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
		if (is_of(c, large[i].sampler) && c->scene->steps <= large[i].steps)
			return large_used[i] = 1;
	return c->scene->steps < 5;
}

static void check_error(const struct combination *c, const double *x)
{
	const struct scene *s = c->scene;
	const double rounding = c->type == DM_F32 ? 2e-3 : 1e-6, known = certified(c);
	for (int i = 0; i < N_VALUE; i++) {
		double times = (fabs(x[i] - s->expected[i]) - 1.1 * s->last_step[i] - rounding) / known;
		if (times > excuse(c, times)) {
			complain(c, "element %d is %g instead of %g, %.3g times the %g of the certificate away", i, x[i],
			         s->expected[i], times, known);
			return;
		}
	}
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
	if (deterministic && s->steps == MOST_STEPS)
		check_error(c, x);
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
	else if (find_refusal(c, NULL) && !is_still(c))
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
	const dm_method *kind;
	const char *setting;
	for (int k = 0; (kind = dm_method_at(DM_KIND_MODEL, k)); k++) {
		struct denoiser d = denoiser_of(kind->name, s->schedule);
		dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict};
		dm_model *model;
		assert_int_equal(dm_model_create(&model, kind->name, &ops, &d, NULL, NULL), DM_OK);
		for (int m = 0; (setting = setting_at(m)); m++) {
			dm_sampler *sampler;
			assert_int_equal(dm_sampler_create(&sampler, setting, NULL, NULL), DM_OK);
			for (int t = 0; t < N_TYPE; t++)
				if (is_chosen((*number)++))
					check_combination(&(struct combination){s, setting, kind->name, types[t]}, sampler, model, &d,
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
		assert_true(refusal_used[i] || (!is_long && is_long_row(refusals[i].sampler)));
	for (size_t i = 0; i < LENGTH(large) && is_long; i++)
		if (!large_used[i])
			fail_msg("%s stays with the data: no exception is needed", large[i].sampler);
	for (size_t i = 0; i < LENGTH(excused) && is_long; i++)
		if (!excused_used[i])
			fail_msg("%s (%s): no exception is needed", excused[i].sampler ? excused[i].sampler : "all",
			         excused[i].cause);
	if (n_failure)
		fail_msg("%d combinations of %d", n_failure, (int)number);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(matrix)};
	is_long = argc > 1 && !strcmp(argv[1], "--long");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
