/* Plans: facts, rows and texts; and what a sampler of the caller's may not emit. */
#include "run_testing.h"

static char *print(const dm_plan *plan, const char *form)
{
	size_t length = 0;
	DO(dm_plan_print(plan, form, NULL, 0, &length, err));
	char *text = malloc(length + 1);
	DO(dm_plan_print(plan, form, text, length + 1, &length, err));
	assert_int_equal(strlen(text), length);
	return text;
}

static void test_facts(void **state)
{
	(void)state;
	static const struct {
		struct setup s;
		dm_plan_info info;
	} known[] = {
	    {{.sampler = "ddim"}, {.n_step = 4, .n_eval = 4, .n_branch_eval = 4}},
	    {{.sampler = "heun", .guidance = "cfg:scale=2"}, {.n_step = 4, .n_eval = 7, .n_branch_eval = 14}},
	    {{.sampler = "ddpm"}, {.n_step = 4, .n_eval = 4, .n_branch_eval = 4, .n_draw = 3}},
	    {{.sampler = "ddpm", .plan = "start=2"}, {.n_step = 2, .n_eval = 2, .n_branch_eval = 2, .n_draw = 1}},
	    {{.sampler = "dpmpp_2m"}, {.n_step = 4, .n_eval = 4, .n_branch_eval = 4, .n_past = 1}},
	    {{.sampler = "dpm_adaptive"},
	     {.n_step = -1, .n_eval = -1, .n_branch_eval = -1, .n_draw = -1, .adaptive = 1, .n_kept = 1}},
	};
	for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
		struct denoiser d = {.kind = EPSILON};
		dm_plan *plan;
		dm_plan_info info = {.struct_size = sizeof info};
		const dm_plan_info *want = &known[k].info;
		DO(make_plan(&plan, &known[k].s, &d, err));
		DO(dm_plan_facts(plan, &info, err));
		if (info.n_step != want->n_step || info.n_eval != want->n_eval || info.n_branch_eval != want->n_branch_eval ||
		    info.n_draw != want->n_draw || info.adaptive != want->adaptive || info.n_past != want->n_past ||
		    info.n_kept != want->n_kept || info.departs != 0)
			fail_msg("%s: steps %lld, evaluations %lld (%lld), draws %lld", known[k].s.sampler, (long long)info.n_step,
			         (long long)info.n_eval, (long long)info.n_branch_eval, (long long)info.n_draw);
		assert_true(info.n_state_slot >= 1 && info.n_slot > info.n_state_slot);
		size_t evals = 0, n = dm_plan_count(plan);
		for (size_t i = 0; i < n; i++) {
			const dm_row *row = dm_plan_row(plan, i);
			assert_int_equal(row->struct_size, sizeof *row);
			evals += row->kind == DM_ROW_EVAL;
		}
		assert_true(info.adaptive || (int64_t)evals == info.n_eval);
		assert_null(dm_plan_row(plan, n));
		assert_null(dm_plan_row(plan, SIZE_MAX));
		dm_plan_free(plan);
	}
}

static void test_print_capacity(void **state)
{
	(void)state;
	static const char *const forms[] = {"table", "json", "spec"};
	struct setup s = {.sampler = "unipc:order=3", .guidance = "cfg:scale=2|rescale|clip"};
	struct denoiser d = {.kind = EPSILON};
	dm_plan *plan;
	DO(make_plan(&plan, &s, &d, err));
	for (int f = 0; f < 3; f++) {
		char *text = print(plan, forms[f]), *cut = malloc(strlen(text) + 2), bytes[32];
		size_t full = strlen(text), capacities[] = {0, 1, 2, full / 2, full, full + 1};
		snprintf(bytes, sizeof bytes, "%zu bytes", full + 1);
		for (int i = 0; i < 6; i++) {
			size_t capacity = capacities[i], length = 0;
			memset(cut, '~', full + 2);
			if (capacity <= full)
				REFUSE(DM_ERR_ARGUMENT, dm_plan_print(plan, forms[f], cut, capacity, &length, err), "capacity", bytes);
			else
				DO(dm_plan_print(plan, forms[f], cut, capacity, &length, err));
			assert_int_equal(length, full);
			assert_int_equal(cut[capacity], '~'); /* nothing is written past it */
			if (capacity)
				assert_true(!memcmp(cut, text, capacity - 1) && cut[capacity - 1] == 0);
		}
		free(text);
		free(cut);
	}
	REFUSE(DM_ERR_NAME, dm_plan_print(plan, "xml", NULL, 0, &(size_t){0}, err), "xml", "table", "json", "spec");
	DO(dm_plan_print(plan, "spec", NULL, 0, NULL, err));
	dm_plan_free(plan);
}

/* ------------------------------------------------------------------------------------------------------- specs come back */

/* The value of a key of the line; NULL where it is not there. */
static char *part(const char *line, const char *key)
{
	size_t n = strlen(key);
	for (const char *p = line; p; p = strchr(p, ' ') ? strchr(p, ' ') + 1 : NULL)
		if (!strncmp(p, key, n) && p[n] == '=') {
			size_t length = strcspn(p + n + 1, " ");
			char *out = calloc(1, length + 1);
			return memcpy(out, p + n + 1, length);
		}
	return NULL;
}

static int check_spec_returns(const struct setup *s)
{
	struct denoiser d = {.kind = EPSILON};
	dm_plan *plan, *again;
	if (make_plan(&plan, s, &d, NULL) != DM_OK)
		return 0;
	char *spec = print(plan, "spec"), *json = print(plan, "json"), *table = print(plan, "table"), options[80] = "";
	char *sampler = part(spec, "sampler"), *schedule = part(spec, "schedule"), *grid = part(spec, "grid");
	char *model = part(spec, "model"), *guidance = part(spec, "guidance"), *start = part(spec, "start");
	snprintf(options, sizeof options, "start=%s,preview=%d", start ? start : "0", strstr(spec, "preview=1") != NULL);
	struct setup copy = {sampler, schedule, grid, model, .guidance = guidance, .plan = options};
	DO(make_plan(&again, &copy, &d, err));
	char *json_again = print(again, "json");
	assert_string_equal(json_again, json);
	assert_true(!strncmp(table, spec, strlen(spec)) && strstr(table, "eval"));
	char *all[] = {spec, json, table, sampler, schedule, grid, model, guidance, start, json_again};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		free(all[i]);
	dm_plan_free(plan);
	dm_plan_free(again);
	return 1;
}

/* What an option has an effect with. */
static const char *beside(const char *method, const char *option)
{
	static const char *const known[][3] = {{"dpm_adaptive", "theta", "control=plain,"},
	                                       {"er_sde", "noise_power", "noise_scaler=power,"},
	                                       {"rk45", "chain", "denoise=mean,"},
	                                       {"unipc", "compat", "variant=vary_coeff,"}};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcmp(known[i][0], method) && !strcmp(known[i][1], option))
			return known[i][2];
	return "";
}

/* A method with its k-th option moved to the other end of its range. */
static void spec_of(char spec[300], int32_t kind, int32_t i, int32_t k, const char *extra)
{
	const dm_method *m = dm_method_at(kind, i);
	const dm_option *o = dm_method_option(kind, i, k);
	int listed = !strcmp(m->name, "times") || !strcmp(m->name, "levels") || !strcmp(m->name, "betas") ||
	             !strcmp(m->name, "alpha_bars");
	const char *list = !strcmp(m->name, "times")    ? "at=0.9/0.5/0.125"
	                   : !strcmp(m->name, "levels") ? "at=5/0.7/0.1"
	                   : !strcmp(m->name, "betas")  ? "at=0.1/0.2/0.7"
	                                                : "at=0.9/0.5/0.01";
	extra = strcmp(m->name, "threshold") ? extra : "form=floor"; /* which takes every max */
	int behind = kind == DM_KIND_GUIDANCE && (!strcmp(m->name, "rescale") || !strcmp(m->name, "cfg_norm"));
	int n = snprintf(spec, 300, "%s%s:%s", behind ? "cfg:scale=2|" : "", m->name, listed ? list : extra);
	if (!o || o->type == DM_OPTION_LIST || (extra[0] && strstr(extra, o->name)))
		return;
	extra = beside(m->name, o->name);
	n += snprintf(spec + n, 300 - (size_t)n, "%s%s%s=", spec[n - 1] == ':' ? "" : ",", extra, o->name);
	if (o->type == DM_OPTION_CHOICE)
		snprintf(spec + n, 300 - (size_t)n, "%s", o->choice[(int)o->high]);
	else
		snprintf(spec + n, 300 - (size_t)n, "%.17g",
		         fmax(o->low, fmin(o->high, o->type == DM_OPTION_INTEGER ? o->value + 1 : o->value * 0.9 + 0.01)));
}

/* Guidances that need more than a spec and a model that predicts: an operator, a gradient. */
static int needs_more(int32_t kind, const char *name)
{
	static const char *const known[] = {"classifier", "fdg",     "ilvr", "dps",         "pgdm",
	                                    "ddnm",       "diffpir", "mmps", "reconstruct", "tmpd"};
	int found = 0;
	for (size_t i = 0; kind == DM_KIND_GUIDANCE && i < sizeof known / sizeof *known; i++)
		found |= !strcmp(known[i], name);
	return found;
}

static void test_specs_return(void **state)
{
	(void)state;
	int made = 0, tried = 0;
	for (int32_t kind = DM_KIND_SCHEDULE; kind <= DM_KIND_SAMPLER; kind++)
		for (int32_t i = 0; dm_method_at(kind, i); i++) {
			int any = 0;
			if (needs_more(kind, dm_method_at(kind, i)->name))
				continue;
			for (int32_t k = 0; k <= dm_method_at(kind, i)->n_option; k++) {
				char spec[300];
				static const char *const schedules[] = {"linear", "flow", "edm"};
				static const char *const grids[] = {"trailing:steps=3", "levels:at=7/1.1/0.3"};
				spec_of(spec, kind, i, k, kind == DM_KIND_GRID ? "steps=3" : "");
				for (int j = 0; j < 6; j++) {
					struct setup s = {.sampler = "ddim:eta=0.1", .schedule = schedules[j / 2], .grid = grids[j % 2]};
					s.plan = j % 2 ? "start=1,preview=1" : NULL;
					s.guidance = j % 2 ? "cfg:scale=0.1" : NULL;
					*(kind == DM_KIND_SCHEDULE   ? &s.schedule
					  : kind == DM_KIND_GRID     ? &s.grid
					  : kind == DM_KIND_MODEL    ? &s.model
					  : kind == DM_KIND_GUIDANCE ? &s.guidance
					                             : &s.sampler) = spec;
					dm_schedule *schedule;
					dm_grid *grid = NULL;
					tried++;
					if (dm_schedule_create(&schedule, s.schedule, NULL, NULL) != DM_OK)
						continue;
					if (dm_grid_create(&grid, schedule, s.grid, NULL, NULL) == DM_OK && check_spec_returns(&s))
						any++;
					dm_grid_free(grid);
					dm_schedule_free(schedule);
				}
			}
			if (!any)
				fail_msg("no plan was made with %s", dm_method_at(kind, i)->name);
			made += any;
		}
	assert_true(made > tried / 2);
}

/* ---------------------------------------------------------------------------------------------------- bad samplers */

enum {
	FINE,
	MEAN,
	VARIANCE,
	MEAN_DECLARED,
	VARIANCE_DECLARED,
	UNDEFINED,
	FROM_THE_FUTURE,
	NO_STATE,
	TWO_STATES,
	TOO_MANY_VALUES,
	TOO_MANY_TERMS,
	NAN_COEFFICIENT,
	INFINITE_COEFFICIENT,
	NOT_AN_EVALUATION,
	NO_SPACE,
	NO_PART,
	KEEP_OUTSIDE,
	TOO_MANY_PUSHES,
	BAD_NODE,
	BAD_VISIT,
	BAD_TAG,
	OWN_ERROR,
	CODE,
	N_MODE
};

static const struct {
	dm_status status;
	const char *words[2];
} outcome[N_MODE] = {
    [FINE] = {DM_OK, {""}},
    [MEAN] = {DM_ERR_SAMPLER, {"constant prediction arrives", "alpha ="}},
    [VARIANCE] = {DM_ERR_SAMPLER, {"noise arrives with deviation", "sigma ="}},
    [MEAN_DECLARED] = {DM_OK, {""}},
    [VARIANCE_DECLARED] = {DM_OK, {""}},
    [UNDEFINED] = {DM_ERR_SAMPLER, {"value 77", "never defined"}},
    [FROM_THE_FUTURE] = {DM_ERR_SAMPLER, {"value -1", "never defined"}},
    [NO_STATE] = {DM_ERR_SAMPLER, {"\"bad\"", "no state"}},
    [TWO_STATES] = {DM_ERR_SAMPLER, {"state", "twice"}},
    [TOO_MANY_VALUES] = {DM_ERR_SAMPLER, {"more than 512 values"}},
    [TOO_MANY_TERMS] = {DM_ERR_SAMPLER, {"more than 2560 terms"}},
    [NAN_COEFFICIENT] = {DM_ERR_SAMPLER, {"coefficient nan", "value 1"}},
    [INFINITE_COEFFICIENT] = {DM_ERR_SAMPLER, {"coefficient inf", "value 1"}},
    [NOT_AN_EVALUATION] = {DM_ERR_SAMPLER, {"value 1", "not an evaluation"}},
    [NO_SPACE] = {DM_ERR_SAMPLER, {"space 9"}},
    [NO_PART] = {DM_ERR_SAMPLER, {"part 17"}},
    [KEEP_OUTSIDE] = {DM_ERR_SAMPLER, {"keep 1", "n_kept = 1"}},
    [TOO_MANY_PUSHES] = {DM_ERR_SAMPLER, {"more than 8 pushes"}},
    [BAD_NODE] = {DM_ERR_SAMPLER, {"evaluation", "alpha >= 0"}},
    [BAD_VISIT] = {DM_ERR_OVERFLOW, {"visit", "16777216"}},
    [BAD_TAG] = {DM_ERR_OVERFLOW, {"tag", "-1"}},
    [OWN_ERROR] = {DM_ERR_UNSUPPORTED, {"my own words"}},
    [CODE] = {DM_ERR_CALLBACK, {"sampler step", "-2147483648"}},
};

static dm_status bad_step(void *user, const dm_step *s, dm_emit *e)
{
	int mode = *(int *)user;
	dm_node at = *s->from;
	double ratio = s->to->sigma / s->from->sigma;
	double mean = mode == MEAN || mode == MEAN_DECLARED ? 1.001 : 1;
	double z = mode == VARIANCE || mode == VARIANCE_DECLARED ? 0.05 : 0;
	dm_val x0 = dm_emit_eval(e, s->x, &at, mode == NO_SPACE ? 9 : DM_SPACE_X0);
	dm_val noise = dm_emit_noise(e, mode == BAD_VISIT ? 1 << 24 : s->step, mode == BAD_TAG ? -1 : 0);
	if (mode == MEAN_DECLARED)
		dm_emit_departs(e, DM_DEPARTS_MEAN);
	if (mode == VARIANCE_DECLARED)
		dm_emit_departs(e, DM_DEPARTS_VARIANCE);
	at.alpha = NAN;
	if (mode == BAD_NODE)
		dm_emit_eval(e, s->x, &at, DM_SPACE_X0);
	if (mode == UNDEFINED || mode == FROM_THE_FUTURE)
		dm_emit_linear(e, 1, &(dm_term){1, mode == UNDEFINED ? 77 : -1});
	for (int i = 0; i < 600 && mode == TOO_MANY_VALUES; i++)
		dm_emit_linear(e, 1, &(dm_term){1, s->x});
	for (int i = 0; i < 2600 && mode == TOO_MANY_TERMS; i += 10) {
		dm_term ten[10];
		for (int t = 0; t < 10; t++)
			ten[t] = (dm_term){1, s->x};
		dm_emit_linear(e, 10, ten);
	}
	if (mode == NAN_COEFFICIENT || mode == INFINITE_COEFFICIENT)
		dm_emit_linear(e, 1, &(dm_term){mode == NAN_COEFFICIENT ? NAN : INFINITY, s->x});
	if (mode == NOT_AN_EVALUATION)
		dm_emit_part(e, s->x, DM_PART_PREDICTION, DM_SPACE_X0);
	if (mode == NO_PART)
		dm_emit_part(e, x0, 17, DM_SPACE_X0);
	if (mode == KEEP_OUTSIDE)
		dm_emit_keep(e, 1, x0);
	for (int i = 0; i < 9 && mode == TOO_MANY_PUSHES; i++)
		dm_emit_push(e, s->from, x0, 1);
	if (mode == OWN_ERROR)
		dm_emit_fail(e, DM_ERR_UNSUPPORTED, "my own words");
	if (mode == OWN_ERROR)
		dm_emit_fail(e, DM_ERR_SAMPLER, "a later error is not told");
	dm_val x = dm_emit_linear(
	    e, 3, (dm_term[]){{ratio, s->x}, {mean * (s->to->alpha - ratio * s->from->alpha), x0}, {z, noise}});
	if (mode != NO_STATE)
		dm_emit_state(e, x);
	if (mode == TWO_STATES)
		dm_emit_state(e, x);
	return mode == CODE ? INT32_MIN : 0;
}

static void test_bad_samplers(void **state)
{
	(void)state;
	for (int mode = FINE; mode < N_MODE; mode++) {
		const dm_sampler_ops ops = {.struct_size = sizeof ops, .n_kept = 1, .step = bad_step};
		struct setup s = {0};
		struct denoiser d = {.kind = EPSILON};
		dm_sampler *sampler;
		dm_plan *plan;
		DO(dm_sampler_create_custom(&sampler, "bad", &ops, &mode, NULL, 0, NULL, err));
		s.own_sampler = sampler;
		if (outcome[mode].status == DM_OK) {
			dm_plan_info info = {.struct_size = sizeof info};
			DO(make_plan(&plan, &s, &d, err));
			DO(dm_plan_facts(plan, &info, err));
			assert_int_equal(info.departs, mode == MEAN_DECLARED       ? DM_DEPARTS_MEAN
			                               : mode == VARIANCE_DECLARED ? DM_DEPARTS_VARIANCE
			                                                           : 0);
			dm_plan_free(plan);
		} else {
			REFUSE(outcome[mode].status, make_plan(&plan, &s, &d, err), outcome[mode].words[0], outcome[mode].words[1]);
			assert_null(plan);
		}
		dm_sampler_free(sampler);
	}
}

/* ------------------------------------------------------------------------------------------------------------- starts */

/* A run from node k equals one over the rest of the grid. */
static void test_start_in_the_grid(void **state)
{
	(void)state;
	static const char *const rest[] = {"times:at=900/700/400/100", "times:at=700/400/100", "times:at=400/100",
	                                   "times:at=100"};
	static const char *const starts[] = {"start=0", "start=1", "start=2", "start=3"};
	static const char *const samplers[] = {"ddim", "dpmpp_2m", "heun"};
	for (int k = 0; k < 12; k++) {
		struct setup a = {.sampler = samplers[k / 4], .grid = rest[0], .plan = starts[k % 4]}, b = a;
		struct denoiser d = {.kind = EPSILON};
		b.grid = rest[k % 4];
		b.plan = NULL;
		double *got = sample_all(&a, &d), *want = sample_all(&b, &d);
		check_same(starts[k % 4], got, want, 15, 0);
		free(got);
		free(want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_facts),
	    cmocka_unit_test(test_print_capacity),
	    cmocka_unit_test(test_specs_return),
	    cmocka_unit_test(test_bad_samplers),
	    cmocka_unit_test(test_start_in_the_grid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
