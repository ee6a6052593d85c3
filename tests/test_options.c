/* Specs and options: what is accepted, what is refused and how the message helps. */
#include "run_testing.h"
#include <locale.h>

static dm_status try_spec(const char *kind, const char *spec, dm_error *error)
{
	dm_status st;
	dm_schedule *schedule = NULL;
	dm_grid *grid = NULL;
	dm_sampler *sampler = NULL;
	dm_model *model = NULL;
	dm_guidance *guidance = NULL;
	dm_noise *noise = NULL;
	if (!strcmp(kind, "schedule")) {
		st = dm_schedule_create(&schedule, spec, NULL, error);
	} else if (!strcmp(kind, "grid")) {
		DO(dm_schedule_create(&schedule, "linear", NULL, err));
		st = dm_grid_create(&grid, schedule, spec, NULL, error);
	} else if (!strcmp(kind, "sampler")) {
		st = dm_sampler_create(&sampler, spec, NULL, error);
	} else if (!strcmp(kind, "model")) {
		st = dm_model_create(&model, spec, NULL, NULL, NULL, error);
	} else if (!strcmp(kind, "guidance")) {
		st = dm_guidance_create(&guidance, spec, NULL, error);
	} else {
		st = dm_noise_create(&noise, spec, NULL, error);
	}
	if (st != DM_OK)
		assert_true(!grid && !sampler && !model && !guidance && !noise);
	dm_grid_free(grid);
	dm_schedule_free(schedule);
	dm_sampler_free(sampler);
	dm_model_free(model);
	dm_guidance_free(guidance);
	dm_noise_free(noise);
	return st;
}

static void test_accepted(void **state)
{
	(void)state;
	static const char *const good[][2] = {
	    {"sampler", "ddim"},
	    {"sampler", "ddim:"},
	    {"sampler", "ddim:eta=0"},
	    {"sampler", "ddim:eta=1"},
	    {"sampler", "ddim:eta=.5"},
	    {"sampler", "ddim:eta=5e-1,recompute_epsilon=1"},
	    {"sampler", "ddim:eta=0x1p-1"},
	    {"sampler", "ddim:eta=+1"},
	    {"sampler", "euler:s_tmax=inf"},
	    {"grid", "times:at=900/500.5/3"},
	    {"grid", "times:at=5"},
	    {"schedule", "betas:at=0.5"},
	    {"guidance", "none"},
	    {"guidance", "cfg:scale=-3|rescale:phi=0.5|clip:range=2|threshold|clip"},
	    {"noise", "philox"},
	};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		DO(try_spec(good[i][0], good[i][1], err));
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *kind, *spec;
		dm_status status;
		const char *words[3];
	} bad[] = {
	    {"sampler", "", DM_ERR_NAME, {"sampler", "\"\""}},
	    {"sampler", "dimd", DM_ERR_NAME, {"\"dimd\"", "did you mean \"ddim\""}},
	    {"sampler", "DDIM", DM_ERR_NAME, {"\"DDIM\""}},
	    {"sampler", "ddim ", DM_ERR_NAME, {"\"ddim \"", "did you mean \"ddim\""}},
	    {"sampler", "euler_ancestal", DM_ERR_NAME, {"did you mean \"euler_ancestral\""}},
	    {"sampler", "dpmpp2m", DM_ERR_NAME, {"did you mean \"dpmpp_2m\""}},
	    {"sampler", "xyzzy_quux", DM_ERR_NAME, {"unknown name \"xyzzy_quux\""}},
	    {"schedule", "scaled_liner", DM_ERR_NAME, {"schedule", "did you mean \"scaled_linear\""}},
	    {"grid", "trailling:steps=3", DM_ERR_NAME, {"grid", "did you mean \"trailing\""}},
	    {"model", "epsilom", DM_ERR_NAME, {"model", "did you mean \"epsilon\""}},
	    {"guidance", "cgf:scale=2", DM_ERR_NAME, {"guidance", "did you mean \"cfg\""}},
	    {"guidance", "cfg:scale=2|", DM_ERR_NAME, {"guidance", "stage 2"}},
	    {"guidance", "|cfg:scale=2", DM_ERR_NAME, {"guidance", "stage 1"}},
	    {"guidance", "none|cfg", DM_ERR_NAME, {"guidance", "\"none\""}},
	    {"noise", "philx", DM_ERR_NAME, {"noise", "did you mean \"philox\""}},
	    {"noise", "philox:seed=1", DM_ERR_NAME, {"noise", "\"seed\""}},
	    {"sampler", "ddim:etta=1", DM_ERR_NAME, {"sampler \"ddim\"", "\"etta\"", "did you mean \"eta\""}},
	    {"sampler", "ddim: eta=1", DM_ERR_NAME, {"\" eta\"", "did you mean \"eta\""}},
	    {"sampler", "ddim:eta", DM_ERR_ARGUMENT, {"sampler \"ddim\"", "eta", "no value"}},
	    {"sampler", "ddim:eta=", DM_ERR_ARGUMENT, {"eta", "\"\"", "not a number"}},
	    {"sampler", "ddim:eta=0.5x", DM_ERR_ARGUMENT, {"eta", "\"0.5x\"", "not a number"}},
	    {"sampler", "ddim:eta=0.5 ", DM_ERR_ARGUMENT, {"eta", "\"0.5 \"", "not a number"}},
	    {"sampler", "ddim:eta= 0.5", DM_ERR_ARGUMENT, {"eta", "\" 0.5\"", "not a number"}},
	    {"sampler", "ddim:eta=half", DM_ERR_ARGUMENT, {"eta", "\"half\"", "not a number"}},
	    {"sampler", "ddim:eta=0,5", DM_ERR_NAME, {"\"5\""}},
	    {"sampler", "ddim:eta=0.5,", DM_ERR_ARGUMENT, {"nothing follows the last comma"}},
	    {"sampler", "ddim:eta=0.5,,recompute_epsilon=1", DM_ERR_NAME, {"\"\""}},
	    {"sampler", "ddim:eta=0.5,eta=0.5", DM_ERR_ARGUMENT, {"eta", "twice"}},
	    {"sampler", "ddim:eta=1.0000001", DM_ERR_ARGUMENT, {"eta", "1.0000001", "[0, 1]"}},
	    {"sampler", "ddim:eta=-1e-300", DM_ERR_ARGUMENT, {"eta", "-1e-300", "[0, 1]"}},
	    {"sampler", "ddim:eta=nan", DM_ERR_ARGUMENT, {"eta", "nan", "[0, 1]"}},
	    {"sampler", "ddim:eta=inf", DM_ERR_ARGUMENT, {"eta", "inf", "[0, 1]"}},
	    {"sampler", "ddim:eta=1e999", DM_ERR_ARGUMENT, {"eta", "inf", "[0, 1]"}},
	    {"sampler", "unipc:order=2.5", DM_ERR_ARGUMENT, {"order", "2.5", "whole"}},
	    {"sampler", "unipc:order=99", DM_ERR_ARGUMENT, {"order", "99", "[1, "}},
	    {"sampler", "unipc:variant=bh3", DM_ERR_NAME, {"variant", "\"bh3\"", "did you mean \"bh"}},
	    {"sampler", "ddim:eta:0.5", DM_ERR_NAME, {"\"eta:0.5\""}},
	    {"grid", "trailing:steps=0", DM_ERR_ARGUMENT, {"steps", "0 is outside [1"}},
	    {"grid", "trailing:steps=-3", DM_ERR_ARGUMENT, {"steps", "-3 is outside [1"}},
	    {"grid", "trailing:steps=1001", DM_ERR_ARGUMENT, {"steps", "1001", "1000"}},
	    {"grid", "leading:steps=1e300", DM_ERR_ARGUMENT, {"steps", "1e+300"}},
	    {"grid", "trailing:final=sero", DM_ERR_NAME, {"final", "did you mean \"zero\""}},
	    {"grid", "times", DM_ERR_ARGUMENT, {"times", "at="}},
	    {"grid", "times:at=", DM_ERR_ARGUMENT, {"at", "\"\"", "not a number"}},
	    {"grid", "times:at=5/", DM_ERR_ARGUMENT, {"at", "\"\"", "not a number"}},
	    {"grid", "times:at=5//4", DM_ERR_ARGUMENT, {"at", "\"\"", "not a number"}},
	    {"grid", "times:at=5/6", DM_ERR_ARGUMENT, {"times", "fall", "node 1"}},
	    {"grid", "times:at=5/5", DM_ERR_ARGUMENT, {"times", "fall", "node 1"}},
	    {"grid", "times:at=5/nan", DM_ERR_ARGUMENT, {"at", "nan"}},
	    {"grid", "times:at=1000/5", DM_ERR_ARGUMENT, {"1000", "999"}},
	    {"grid", "times:at=-5", DM_ERR_ARGUMENT, {"-5", "[-1, 999]"}},
	    {"grid", "levels:at=-1", DM_ERR_ARGUMENT, {"at", "-1", "[0, inf]"}},
	    {"schedule", "betas:at=0.1/1.5", DM_ERR_ARGUMENT, {"at", "1.5", "[0, 1]"}},
	    {"schedule", "betas:at=0/0.5", DM_ERR_ARGUMENT, {"betas", "0"}},
	    {"schedule", "betas:at=1/0.5", DM_ERR_ARGUMENT, {"betas", "1"}},
	    {"schedule", "alpha_bars:at=0.5/0.6", DM_ERR_ARGUMENT, {"alpha_bars", "0.6"}},
	    {"schedule", "betas", DM_ERR_ARGUMENT, {"betas"}},
	    {"schedule", "linear:beta_start=0.02,beta_end=0.0001,beta_start=0.1", DM_ERR_ARGUMENT, {"beta_start", "twice"}},
	    {"model", "epsilon:time=indx", DM_ERR_NAME, {"time", "did you mean \"index"}},
	    {"model", "epsilon:x=f8", DM_ERR_NAME, {"x", "\"f8\""}},
	    {"model", "edm:sigma_data=0", DM_ERR_ARGUMENT, {"sigma_data", "0 is outside"}},
	    {"guidance", "cfg:scale=nan", DM_ERR_ARGUMENT, {"scale", "nan"}},
	    {"guidance", "clip|cfg:scale=2", DM_ERR_UNSUPPORTED, {"\"cfg\"", "before", "\"clip\""}},
	    {"guidance", "threshold|perturbed", DM_ERR_UNSUPPORTED, {"\"perturbed\"", "before", "\"threshold\""}},
	    {"guidance", "threshold:ratio=0", DM_ERR_ARGUMENT, {"ratio", "0 is outside", "1]"}},
	    {"guidance",
	     "clip|clip|clip|clip|clip|clip|clip|clip|clip|clip|clip|clip|clip",
	     DM_ERR_ARGUMENT,
	     {"12 stages"}},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		REFUSE(bad[i].status, try_spec(bad[i].kind, bad[i].spec, err), bad[i].words[0], bad[i].words[1],
		       bad[i].words[2]);
}

/* Names longer than any buffer. */
static void test_long_words(void **state)
{
	(void)state;
	char spec[5000];
	memset(spec, 'a', sizeof spec - 1);
	spec[sizeof spec - 1] = 0;
	REFUSE(DM_ERR_NAME, try_spec("sampler", spec, err), "aaaa");
	REFUSE(DM_ERR_NAME, try_spec("model", spec, err), "aaaa");
	REFUSE(DM_ERR_NAME, try_spec("guidance", spec, err), "aaaa");
	memcpy(spec, "ddim:", 5);
	REFUSE(DM_ERR_NAME, try_spec("sampler", spec, err), "aaaa");
	memcpy(spec, "ddim:eta=", 9);
	REFUSE(DM_ERR_ARGUMENT, try_spec("sampler", spec, err), "eta", "aaaa");
	memset(spec + 9, '0', sizeof spec - 10); /* 0000...0: a number like any other */
	DO(try_spec("sampler", spec, err));
}

static void test_decimal_comma(void **state)
{
	(void)state;
	static const char *const locales[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE", "nl_NL.UTF-8"};
	const char *set = NULL;
	for (size_t i = 0; !set && i < sizeof locales / sizeof *locales; i++)
		set = setlocale(LC_ALL, locales[i]);
	if (!set || localeconv()->decimal_point[0] != ',') {
		setlocale(LC_ALL, "C");
		skip();
	}
	struct denoiser d = {0};
	struct setup s = {.sampler = "ddim:eta=0.25", .plan = NULL};
	dm_plan *plan;
	char text[400];
	DO(make_plan(&plan, &s, &d, err));
	DO(dm_plan_print(plan, "spec", text, sizeof text, NULL, err));
	dm_plan_free(plan);
	dm_status st = try_spec("sampler", "ddim:eta=0,25", NULL);
	setlocale(LC_ALL, "C");
	assert_int_equal(st, DM_ERR_NAME);
	assert_non_null(strstr(text, "eta=0.25"));
}

/* --------------------------------------------------------------------------------------------- plan and run options */

static void test_plan_options(void **state)
{
	(void)state;
	static const struct {
		const char *options;
		dm_status status;
		const char *words[3];
	} bad[] = {
	    {"start=4", DM_ERR_ARGUMENT, {"start = 4", "steps", "4"}},
	    {"start=-1", DM_ERR_ARGUMENT, {"start = -1", "[0"}},
	    {"start=1.5", DM_ERR_ARGUMENT, {"start", "1.5", "whole"}},
	    {"start=1e9", DM_ERR_ARGUMENT, {"start", "1000000000"}},
	    {"progres=1", DM_ERR_NAME, {"progres", "did you mean \"progress\""}},
	    {"preview=2", DM_ERR_ARGUMENT, {"preview = 2", "[0, 1]"}},
	    {"preview=1,preview=1", DM_ERR_ARGUMENT, {"preview", "twice"}},
	};
	struct denoiser d = {0};
	dm_plan *plan;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct setup s = {.plan = bad[i].options};
		REFUSE(bad[i].status, make_plan(&plan, &s, &d, err), bad[i].words[0], bad[i].words[1], bad[i].words[2]);
		assert_null(plan);
	}
	DO(make_plan(&plan, &(struct setup){.plan = ""}, &d, err));
	dm_plan_free(plan);
}

static void test_run_options(void **state)
{
	(void)state;
	static const struct {
		const char *options;
		dm_status status;
		const char *words[3];
	} bad[] = {
	    {"seed=-1", DM_ERR_ARGUMENT, {"seed", "\"-1\"", "2^64 - 1"}},
	    {"seed=18446744073709551616", DM_ERR_ARGUMENT, {"seed", "18446744073709551616", "2^64 - 1"}},
	    {"seed=1.5", DM_ERR_ARGUMENT, {"seed", "\"1.5\"", "whole"}},
	    {"seed=1e3", DM_ERR_ARGUMENT, {"seed", "\"1e3\"", "whole"}},
	    {"seed=", DM_ERR_ARGUMENT, {"seed", "\"\""}},
	    {"seed", DM_ERR_ARGUMENT, {"seed", "no value"}},
	    {"seed=1,", DM_ERR_ARGUMENT, {"nothing follows the last comma"}},
	    {"seed=1,seed=1", DM_ERR_ARGUMENT, {"seed", "twice"}},
	    {"sead=1", DM_ERR_NAME, {"\"sead\"", "did you mean \"seed\""}},
	    {"first_sample=9223372036854775808", DM_ERR_ARGUMENT, {"first_sample", "9223372036854775808", "2^63 - 1"}},
	    {"first_sample=9223372036854775806", DM_ERR_OVERFLOW, {"first_sample", "9223372036854775806", "3"}},
	    {"max_eval=-1", DM_ERR_ARGUMENT, {"max_eval", "\"-1\""}},
	};
	static const char *const good[] = {NULL, "", "seed=18446744073709551615",
	                                   "first_sample=9223372036854775805,seed=0"};
	struct denoiser d = {0};
	dm_plan *plan;
	dm_run *run;
	DO(make_plan(&plan, &(struct setup){0}, &d, err));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		REFUSE(bad[i].status, dm_run_create(&run, plan, NULL, NULL, 3, 1, bad[i].options, NULL, 0, err),
		       bad[i].words[0], bad[i].words[1], bad[i].words[2]);
		assert_null(run);
	}
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		DO(dm_run_create(&run, plan, NULL, NULL, 3, 1, good[i], NULL, 0, err));
		dm_run_free(run);
	}
	dm_plan_free(plan);
}

static void test_run_spec(void **state)
{
	(void)state;
#define START "sampler=ddim schedule=linear grid=trailing:steps=3 model=epsilon"
	static const struct {
		const char *spec;
		dm_status status;
		const char *words[3];
	} bad[] = {
	    {"", DM_ERR_ARGUMENT, {"sampler=", "missing"}},
	    {"schedule=linear grid=trailing model=epsilon", DM_ERR_ARGUMENT, {"sampler=", "missing"}},
	    {"sampler=ddim grid=trailing model=epsilon", DM_ERR_ARGUMENT, {"schedule=", "missing"}},
	    {"sampler=ddim schedule=linear model=epsilon", DM_ERR_ARGUMENT, {"grid=", "missing"}},
	    {"sampler=ddim schedule=linear grid=trailing", DM_ERR_ARGUMENT, {"model=", "missing"}},
	    {START " sampler=ddim", DM_ERR_ARGUMENT, {"sampler", "twice"}},
	    {START " seed=1 seed=2", DM_ERR_ARGUMENT, {"seed", "twice"}},
	    {START " start=1 start=2", DM_ERR_ARGUMENT, {"start", "twice"}},
	    {START " guidence=cfg", DM_ERR_NAME, {"\"guidence\"", "did you mean \"guidance\""}},
	    {START " guidance", DM_ERR_ARGUMENT, {"\"guidance\"", "key=value"}},
	    {START " =3", DM_ERR_NAME, {"\"\""}},
	    {START " dtype=f16", DM_ERR_NAME, {"\"f16\"", "f32", "f64"}},
	    {START " preview", DM_ERR_ARGUMENT, {"preview", "no value"}},
	    {START " seed", DM_ERR_ARGUMENT, {"seed", "no value"}},
	    {START " guidance=cfg:scal=2", DM_ERR_NAME, {"\"scal\"", "did you mean \"scale\""}},
	};
	static const char *const good[] = {
	    START, " \t\n" START "\n;dtype=f64;guidance=cfg:scale=2\tseed=5 first_sample=7 start=1 preview=1 max_eval=9 "};
	dm_run *run;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int destroyed = 0;
		dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict, .destroy = count_destroy};
		REFUSE(bad[i].status, dm_run_create_spec(&run, bad[i].spec, &ops, &destroyed, 1, 1, NULL, err), bad[i].words[0],
		       bad[i].words[1], bad[i].words[2]);
		assert_null(run);
		assert_int_equal(destroyed, 2);
	}
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		DO(dm_run_create_spec(&run, good[i], NULL, NULL, 1, 1, NULL, err));
		dm_run_free(run);
	}
}

/* --------------------------------------------------------------------------------------------------- own option tables */

static dm_status no_step(void *user, const dm_step *s, dm_emit *e)
{
	(void)user, (void)s, (void)e;
	return 0;
}

static void test_own_option_tables(void **state)
{
	(void)state;
	static const char *const words[] = {"a", "b", NULL};
	const size_t size = sizeof(dm_option);
	const struct {
		dm_option row;
		const char *words[2];
	} bad[] = {
	    {{size, NULL, "help", DM_OPTION_REAL, 0, 0, 1, NULL}, {"option 0", "name"}},
	    {{size, "", "help", DM_OPTION_REAL, 0, 0, 1, NULL}, {"option 0", "name"}},
	    {{size, "o", NULL, DM_OPTION_REAL, 0, 0, 1, NULL}, {"option 0", "help"}},
	    {{size, "o", "help", DM_OPTION_LIST, 0, 0, 1, NULL}, {"option o", "4"}},
	    {{size, "o", "help", 0, 0, 0, 1, NULL}, {"option o", "0"}},
	    {{size, "o", "help", DM_OPTION_CHOICE, 0, 0, 1, NULL}, {"option o", "words"}},
	    {{size, "o", "help", DM_OPTION_CHOICE, 2, 0, 5, words}, {"option o", "2"}},
	    {{size, "o", "help", DM_OPTION_REAL, 2, 0, 1, NULL}, {"default 2", "[0, 1]"}},
	    {{size, "o", "help", DM_OPTION_REAL, NAN, 0, 1, NULL}, {"default nan", "[0, 1]"}},
	    {{size, "o", "help", DM_OPTION_INTEGER, 0.5, 0, 1, NULL}, {"default 0.5", "whole"}},
	    {{size - 8, "o", "help", DM_OPTION_REAL, 0, 0, 1, NULL}, {"struct_size"}},
	};
	dm_sampler_ops ops = {.struct_size = sizeof ops, .step = no_step};
	dm_sampler *sampler;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		REFUSE(DM_ERR_ARGUMENT, dm_sampler_create_custom(&sampler, "own", &ops, NULL, &bad[i].row, 1, NULL, err),
		       bad[i].words[0], bad[i].words[1]);
	const dm_option two[2] = {{size, "n", "help", DM_OPTION_INTEGER, 0, -1e300, 1e300, NULL},
	                          {size, "n", "help", DM_OPTION_CHOICE, 1, 0, 1, words}};
	REFUSE(DM_ERR_ARGUMENT, dm_sampler_create_custom(&sampler, "own", &ops, NULL, NULL, 1, NULL, err), "n_option", "1");
	REFUSE(DM_ERR_ARGUMENT, dm_sampler_create_custom(&sampler, "own", &ops, NULL, two, -1, NULL, err), "n_option",
	       "-1");
	REFUSE(DM_ERR_ARGUMENT, dm_sampler_create_custom(&sampler, "own", &ops, NULL, two, 25, NULL, err), "25", "24");
	REFUSE(DM_ERR_ARGUMENT, dm_sampler_create_custom(&sampler, "own", &ops, NULL, two, 2, NULL, err), "option n",
	       "twice");
	REFUSE(DM_ERR_ARGUMENT, dm_sampler_create_custom(&sampler, "own:n=0.5", &ops, NULL, two, 1, NULL, err), "n = 0.5");
	REFUSE(DM_ERR_ARGUMENT, dm_sampler_create_custom(&sampler, "own:n=1e301", &ops, NULL, two, 1, NULL, err), "1e+301");
	REFUSE(DM_ERR_ARGUMENT, dm_sampler_create_custom(&sampler, ":n=1", &ops, NULL, two, 1, NULL, err), "name");
	REFUSE(DM_ERR_ARGUMENT, dm_sampler_create_custom(&sampler, "a b", &ops, NULL, two, 1, NULL, err), "\"a b\"");
	REFUSE(DM_ERR_ARGUMENT, dm_sampler_create_custom(&sampler, "a\"b", &ops, NULL, two, 1, NULL, err), "name");
	REFUSE(DM_ERR_ARGUMENT, dm_sampler_create_custom(&sampler, "a\nb", &ops, NULL, two, 1, NULL, err), "name");
	DO(dm_sampler_create_custom(&sampler, "own:n=1e300", &ops, NULL, two, 1, NULL, err));
	dm_sampler_free(sampler);
}

/* ------------------------------------------------------------------------------------------------------------ listing */

static void test_listing(void **state)
{
	(void)state;
	int total = 0;
	for (int32_t kind = DM_KIND_SCHEDULE; kind <= DM_KIND_GRID_EDIT; kind++) {
		int32_t i = 0;
		for (const dm_method *m; (m = dm_method_at(kind, i)) != NULL; i++, total++) {
			assert_true(m->struct_size == sizeof *m && m->name[0] && m->help[0] && m->source[0]);
			for (int32_t k = 0; k < m->n_option; k++) {
				const dm_option *o = dm_method_option(kind, i, k);
				assert_true(o->struct_size == sizeof *o && o->name[0] && o->help[0]);
				assert_true(o->type == DM_OPTION_LIST || (o->low <= o->value && o->value <= o->high));
				assert_true((o->type == DM_OPTION_CHOICE) == (o->choice != NULL));
				if (o->choice)
					assert_true(o->choice[(size_t)o->high] && !o->choice[(size_t)o->high + 1]);
			}
			assert_null(dm_method_option(kind, i, m->n_option));
			assert_null(dm_method_option(kind, i, -1));
		}
		assert_true(i >= 3);
		assert_null(dm_method_at(kind, -1));
		assert_null(dm_method_at(kind, INT32_MAX));
		assert_null(dm_method_option(kind, i, 0));
	}
	assert_true(total > 30);
	assert_null(dm_method_at(0, 0));
	assert_null(dm_method_at(DM_KIND_GRID_EDIT + 1, 0));
	assert_null(dm_method_at(INT32_MIN, 0));
}

/* ----------------------------------------------------------------------------------------- names of other systems */

/* A name of another system is no name here, unless both have it, and the message has the spec that it has here. */
static void check_foreign(const char *kind, const char *name)
{
	static const char called[] = "here it is called ";
	dm_error error = {0}, other;
	dm_status st = try_spec(kind, name, &error);
	if (st == DM_OK || st == DM_ERR_ARGUMENT) /* the same name, perhaps with values that have to be given */
		return;
	const char *spec = strstr(error.message, called);
	if (st != DM_ERR_NAME || !spec)
		fail_msg("%s %s: %s (%s)", kind, name, dm_status_name(st), error.message);
	spec += strlen(called);
	st = try_spec(kind, spec, &other);
	if (st == DM_ERR_NAME || (strchr(spec, ':') && st != DM_OK))
		fail_msg("%s %s is called %s here: %s", kind, name, spec, other.message);
}

/* A bracket that begins with "word=" is options of the method. */
static void check_bracket(const char *kind, const char *method, const char *bracket, int length)
{
	size_t word = strspn(bracket, "abcdefghijklmnopqrstuvwxyz_0123456789");
	char spec[200];
	dm_error error = {0};
	if (!word || bracket[word] != '=')
		return;
	snprintf(spec, sizeof spec, "%s:%.*s", method, length, bracket);
	if (try_spec(kind, spec, &error) != DM_OK)
		fail_msg("%s %s: %s", kind, spec, error.message);
}

/* Every name of the list "system: name (options), name; system: name"; how many there are. */
static int check_names(const char *kind, const char *method, const char *known_as)
{
	char name[64];
	int n = 0;
	for (const char *at = known_as; *at;) {
		size_t system = strcspn(at, ":,;("), length;
		at += at[system] == ':' ? system + 1 : 0;
		at += strspn(at, " ");
		length = strcspn(at, ",;(");
		snprintf(name, sizeof name, "%.*s", (int)(length - (at[length] == '(')), at);
		if (strchr(name, ' ')) /* names are identifiers: words between commas are no name */
			fail_msg("%s %s: \"%s\" is not a name", kind, method, name);
		check_foreign(kind, name);
		n++;
		at += length;
		if (*at == '(')
			check_bracket(kind, method, at + 1, (int)strcspn(at + 1, ")"));
		at += *at == '(' ? strcspn(at, ")") + 1 : 0;
		at += *at != 0;
	}
	return n;
}

static void test_foreign_names(void **state)
{
	static const struct {
		int32_t kind;
		const char *name;
		int least;
	} kinds[] = {{DM_KIND_SAMPLER, "sampler", 100},
	             {DM_KIND_SCHEDULE, "schedule", 30},
	             {DM_KIND_GRID, "grid", 40},
	             {DM_KIND_MODEL, "model", 25},
	             {DM_KIND_GUIDANCE, "guidance", 20}};
	const dm_method *m;
	(void)state;
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		int n = 0;
		for (int32_t i = 0; (m = dm_method_at(kinds[k].kind, i)) != NULL; i++)
			n += m->known_as ? check_names(kinds[k].name, m->name, m->known_as) : 0;
		assert_true(n >= kinds[k].least);
	}
	dm_error error;
	assert_int_equal(try_spec("sampler", "DPM++ 3M", &error), DM_ERR_NAME);
	assert_non_null(strstr(error.message, "did you mean \"dpmpp_3m\""));
	assert_int_equal(try_spec("sampler", "dpmpp_2m_sde_heun", &error), DM_ERR_NAME);
	assert_non_null(strstr(error.message, "here it is called dpmpp_2m_sde:solver_type=heun"));
	assert_int_equal(try_spec("sampler", "DDIMInverseScheduler", &error), DM_ERR_NAME); /* its bracket is a note */
	assert_string_equal(strstr(error.message, "here"), "here it is called ddim");
	assert_int_equal(try_spec("sampler", "", &error), DM_ERR_NAME);
	assert_null(strstr(error.message, "here it is called"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_accepted),     cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_long_words),   cmocka_unit_test(test_decimal_comma),
	    cmocka_unit_test(test_plan_options), cmocka_unit_test(test_run_options),
	    cmocka_unit_test(test_run_spec),     cmocka_unit_test(test_own_option_tables),
	    cmocka_unit_test(test_listing),      cmocka_unit_test(test_foreign_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
