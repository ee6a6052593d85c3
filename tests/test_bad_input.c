/* Bad input: each is refused before the network is asked for anything, and the message names the argument, its value and
 * what is allowed. */
#include "run_testing.h"

/* ------------------------------------------------------------------------------------------- in the spec of a run */

static int64_t n_call;

static dm_status count_calls(void *user, const dm_request *rq)
{
	(void)user, (void)rq;
	n_call++;
	return 0;
}

static const struct {
	const char *spec;
	dm_status status;
	const char *words[4];
} specs[] = {
    /* levels and times: unsorted, repeated, negative, NaN, outside the process */
    {"sampler=ddim schedule=ve grid=levels:at=3/5/1 model=x0", DM_ERR_ARGUMENT, {"levels", "must fall", "is 5", "3"}},
    {"sampler=ddim schedule=ve grid=levels:at=3/3/1 model=x0", DM_ERR_ARGUMENT, {"levels", "must fall", "is 3", "3"}},
    {"sampler=ddim schedule=ve grid=levels:at=3/-1 model=x0", DM_ERR_ARGUMENT, {"at = -1", "[0, inf]"}},
    {"sampler=ddim schedule=ve grid=levels:at=3/nan model=x0", DM_ERR_ARGUMENT, {"at = nan", "[0, inf]"}},
    {"sampler=ddim schedule=edm grid=karras:sigma_min=3,sigma_max=2 model=edm",
     DM_ERR_ARGUMENT,
     {"sigma_min (3)", "below", "sigma_max (2)"}},
    {"sampler=ddim schedule=edm grid=karras:sigma_max=-1 model=edm",
     DM_ERR_ARGUMENT,
     {"sigma_max", "-1", "[0, 1e+30]"}},
    {"sampler=ddim schedule=vp grid=karras:sigma_max=1000 model=v", DM_ERR_ARGUMENT, {"sigma/alpha", "1000", "152"}},
    {"sampler=ddim schedule=linear grid=times:at=500/600 model=epsilon", DM_ERR_ARGUMENT, {"times", "must fall"}},
    {"sampler=ddim schedule=linear grid=times:at=500/500 model=epsilon", DM_ERR_ARGUMENT, {"times", "must fall"}},
    {"sampler=ddim schedule=linear grid=times:at=1000/3 model=epsilon", DM_ERR_ARGUMENT, {"time 1000", "[-1, 999]"}},
    {"sampler=ddim schedule=linear grid=times:at=9/-2 model=epsilon", DM_ERR_ARGUMENT, {"time -2", "[-1, 999]"}},
    {"sampler=ddim schedule=linear grid=times:at=9/nan model=epsilon", DM_ERR_ARGUMENT, {"at = nan"}},
    {"sampler=ddim schedule=flow grid=times:at=1.5/0.5 model=flow", DM_ERR_ARGUMENT, {"time 1.5", "[0, 1]"}},
    /* eta outside the method's range */
    {"sampler=ddim:eta=1.5 schedule=vp grid=karras model=v", DM_ERR_ARGUMENT, {"ddim", "eta = 1.5", "[0, 1]"}},
    {"sampler=ddim:eta=-0.1 schedule=vp grid=karras model=v", DM_ERR_ARGUMENT, {"ddim", "eta = -0.1", "[0, 1]"}},
    {"sampler=ddim:eta=nan schedule=vp grid=karras model=v", DM_ERR_ARGUMENT, {"ddim", "eta = nan", "[0, 1]"}},
    {"sampler=euler_ancestral:eta=-1 schedule=vp grid=karras model=v", DM_ERR_ARGUMENT, {"eta = -1", "[0, 100]"}},
    {"sampler=dpm_adaptive:eta=2 schedule=vp grid=karras model=v", DM_ERR_ARGUMENT, {"eta = 2", "[0, 1]"}},
    /* order above the history */
    {"sampler=unipc:order=5 schedule=vp grid=karras model=v", DM_ERR_ARGUMENT, {"unipc", "order = 5", "[1, 4]"}},
    {"sampler=ab:order=5 schedule=vp grid=karras model=v", DM_ERR_ARGUMENT, {"\"ab\"", "order = 5", "[1, 4]"}},
    {"sampler=lms:order=0 schedule=vp grid=karras model=v", DM_ERR_ARGUMENT, {"\"lms\"", "order = 0", "[1, 4]"}},
    {"sampler=deis:order=2.5 schedule=vp grid=karras model=v", DM_ERR_ARGUMENT, {"deis", "order = 2.5", "whole"}},
    {"sampler=dpm_multistep:order=4 schedule=vp grid=karras model=v", DM_ERR_ARGUMENT, {"order = 4", "[1, 3]"}},
    {"sampler=sa_solver:predictor_order=5 schedule=vp grid=karras model=v",
     DM_ERR_ARGUMENT,
     {"predictor_order = 5", "[1, 4]"}},
    /* strength */
    {"sampler=ddim schedule=linear grid=lcm:strength=1.1 model=epsilon",
     DM_ERR_ARGUMENT,
     {"strength", "1.1", "[0, 1]"}},
    {"sampler=ddim schedule=linear grid=lcm:strength=-1 model=epsilon", DM_ERR_ARGUMENT, {"strength", "-1", "[0, 1]"}},
    /* tables */
    {"sampler=ddim schedule=alpha_bars:at=0.9/0.95 grid=trailing:steps=1 model=v",
     DM_ERR_ARGUMENT,
     {"alpha_bar[1]", "0.95", "below", "0.9"}},
    {"sampler=ddim schedule=betas:at=0.1/0 grid=trailing:steps=1 model=v", DM_ERR_ARGUMENT, {"beta[1]", "0", "(0, 1)"}},
    /* step counts above the table, and none */
    {"sampler=ddim schedule=linear grid=trailing:steps=1001 model=v", DM_ERR_ARGUMENT, {"trailing", "1001", "1000"}},
    {"sampler=ddim schedule=linear grid=leading:steps=1001 model=v", DM_ERR_ARGUMENT, {"leading", "1001", "1000"}},
    {"sampler=ddim schedule=linear grid=linspace:steps=1001 model=v", DM_ERR_ARGUMENT, {"linspace", "1001", "1000"}},
    {"sampler=ddim schedule=linear:T=10 grid=simple:steps=11 model=v", DM_ERR_ARGUMENT, {"simple", "11", "10"}},
    {"sampler=ddim schedule=linear grid=trailing:steps=0 model=v", DM_ERR_ARGUMENT, {"steps = 0", "[1, 1000000]"}},
    {"sampler=ddim schedule=linear grid=trailing:steps=4 model=v start=4",
     DM_ERR_ARGUMENT,
     {"start = 4", "below", "4"}},
    /* times that mean nothing on the process */
    {"sampler=ddim schedule=linear grid=trailing model=v:time=1000t", DM_ERR_UNSUPPORTED, {"1000t", "[0, 1]", "999"}},
    {"sampler=ddim schedule=linear grid=trailing model=v:time=1000t_trunc", DM_ERR_UNSUPPORTED, {"1000t", "[0, 1]"}},
    {"sampler=ddim schedule=edm grid=karras model=v:time=one_minus_t", DM_ERR_UNSUPPORTED, {"one_minus_t", "[0, 80]"}},
    {"sampler=ddim schedule=linear grid=trailing model=v:time=last_index",
     DM_ERR_UNSUPPORTED,
     {"last_index", "[0, 1]"}},
    {"sampler=ddim schedule=linear grid=trailing model=v:time=reversed_index",
     DM_ERR_UNSUPPORTED,
     {"reversed_index", "[0, 1]"}},
    /* options that would have no effect */
    {"sampler=sa_solver:tau_from=0.2,tau_to=0.8 schedule=vp grid=karras model=v",
     DM_ERR_ARGUMENT,
     {"sa_solver", "tau_from = 0.2", "below tau_to = 0.8"}},
    {"sampler=unipc:variant=bh1,compat=original schedule=vp grid=karras model=v",
     DM_ERR_ARGUMENT,
     {"unipc", "compat=original", "variant=vary_coeff", "bh1"}},
    {"sampler=sa_solver:predict=epsilon,simple_order_2=1 schedule=vp grid=karras model=v",
     DM_ERR_ARGUMENT,
     {"sa_solver", "simple_order_2=1 has no effect without predict=x0"}},
    {"sampler=sa_solver:corrector_order=0,pece=1 schedule=vp grid=karras model=v",
     DM_ERR_ARGUMENT,
     {"sa_solver", "pece=1 has no effect without corrector_order above 0"}},
    {"sampler=unipc:disable_corrector=0/1.5 schedule=vp grid=karras model=v",
     DM_ERR_ARGUMENT,
     {"unipc", "disable_corrector = 1.5", "whole"}},
    {"sampler=unipc:disable_corrector=99 schedule=vp grid=karras:steps=20 model=v",
     DM_ERR_ARGUMENT,
     {"unipc", "disable_corrector = 99", "0 to 19"}},
    {"sampler=unipc:corrector=0,disable_corrector=0 schedule=vp grid=karras model=v",
     DM_ERR_ARGUMENT,
     {"unipc", "disable_corrector has no effect without corrector=1"}},
    {"sampler=er_sde:noise_power=3 schedule=vp grid=karras model=v",
     DM_ERR_ARGUMENT,
     {"er_sde", "noise_power=3 has no effect without noise_scaler=power"}},
    {"sampler=rk45:chain=50 schedule=vp grid=karras model=v",
     DM_ERR_ARGUMENT,
     {"rk45", "chain=50 has no effect without denoise=mean"}},
    {"sampler=dpm_adaptive:control=plain,icoeff=3 schedule=vp grid=karras model=v",
     DM_ERR_ARGUMENT,
     {"dpm_adaptive", "icoeff=3 has no effect without control=pid"}},
    {"sampler=dpm_adaptive:theta=0.5 schedule=vp grid=karras model=v",
     DM_ERR_ARGUMENT,
     {"dpm_adaptive", "theta=0.5 has no effect without control=plain"}},
    {"sampler=euler:s_churn=1,s_tmin=5,s_tmax=4 schedule=edm grid=karras model=edm",
     DM_ERR_ARGUMENT,
     {"s_tmin = 5 is above s_tmax = 4", "s_churn = 1"}},
    {"sampler=heun:s_churn=1,s_tmin=5,s_tmax=4 schedule=edm grid=karras model=edm",
     DM_ERR_ARGUMENT,
     {"s_tmin = 5 is above s_tmax = 4"}},
    {"sampler=dpm2:s_churn=1,s_tmin=5,s_tmax=4 schedule=edm grid=karras model=edm",
     DM_ERR_ARGUMENT,
     {"s_tmin = 5 is above s_tmax = 4"}},
    {"sampler=heunpp2:s_churn=1,s_tmin=5,s_tmax=4 schedule=edm grid=karras model=edm",
     DM_ERR_ARGUMENT,
     {"s_tmin = 5 is above s_tmax = 4"}},
    {"sampler=edm_ablation:s_churn=1,s_tmin=5,s_tmax=4 schedule=edm grid=karras model=edm",
     DM_ERR_ARGUMENT,
     {"s_tmin = 5 is above s_tmax = 4"}},
    {"sampler=dpm_fast:eta=1.5 schedule=vp grid=karras model=v", DM_ERR_ARGUMENT, {"eta = 1.5", "[0, 1]"}},
    {"sampler=deis:lower_order_below=16000000 schedule=vp grid=karras model=v",
     DM_ERR_ARGUMENT,
     {"deis", "lower_order_below", "[0, 1000000]"}},
    /* few steps of the discrete tables of score_sde: beta/N = 20/8 at t = 1 */
    {"sampler=pc:compat=score_sde schedule=vp grid=linspace:steps=8 model=v",
     DM_ERR_UNSUPPORTED,
     {"pc", "N = 8", "beta/N = 2.5", "take more steps"}},
    {"sampler=ddim schedule=vp grid=trailing:steps=5|repaint:length=5 model=v",
     DM_ERR_ARGUMENT,
     {"repaint", "length = 5", "below the grid's 5 steps"}},
    /* a step control that cannot work */
    {"sampler=dpm_adaptive:icoeff=-1 schedule=vp grid=karras model=v",
     DM_ERR_ARGUMENT,
     {"dpm_adaptive", "icoeff = -1", "must be above 0"}},
    {"sampler=dpm_adaptive:pcoeff=-3 schedule=vp grid=karras model=v",
     DM_ERR_ARGUMENT,
     {"dpm_adaptive", "pcoeff = -3, icoeff = 1, dcoeff = 0", "must be above 0"}},
    {"sampler=dpm_adaptive:pcoeff=-1,icoeff=1 schedule=vp grid=karras model=v",
     DM_ERR_ARGUMENT,
     {"dpm_adaptive", "pcoeff = -1, icoeff = 1, dcoeff = 0", "must be above 0"}},
    {"sampler=dpm_adaptive:pcoeff=5,icoeff=0.1 schedule=vp grid=karras model=v",
     DM_ERR_ARGUMENT,
     {"dpm_adaptive", "pcoeff = 5", "at most 2"}},
    /* names of other systems */
    {"sampler=uni_pc_bh2 schedule=vp grid=karras model=v",
     DM_ERR_NAME,
     {"sampler = \"uni_pc_bh2\": no such sampler; here it is called unipc:variant=bh2"}},
    {"sampler=DPM++2M schedule=vp grid=karras model=v", DM_ERR_NAME, {"did you mean \"dpmpp_2m\""}},
    {"sampler=EulerAncestralDiscreteScheduler schedule=vp grid=karras model=v",
     DM_ERR_NAME,
     {"here it is called euler_ancestral"}},
    {"sampler=ddim schedule=sqrt_linear grid=trailing model=v",
     DM_ERR_NAME,
     {"schedule = \"sqrt_linear\": no such schedule; here it is called linear"}},
    {"sampler=ddim schedule=vp grid=use_karras_sigmas model=v", DM_ERR_NAME, {"grid", "here it is called karras"}},
    {"sampler=ddim schedule=vp grid=karras model=v guidance=AdaptiveProjectedGuidance",
     DM_ERR_NAME,
     {"guidance", "here it is called apg"}},
    {"sampler=dim schedule=vp grid=karras model=v", DM_ERR_NAME, {"did you mean \"ddim\""}},
    {"sampler=ddim schedule=flow grid=flow model=flow_prediction",
     DM_ERR_NAME,
     {"model = \"flow_prediction\": no such model; here it is called flow"}},
    {"sampler=sa_solver_pece schedule=vp grid=karras model=v",
     DM_ERR_NAME,
     {"here it is called sa_solver:tau_by=level,pece=1"}},
    /* the mean of an entry that a continuous process does not have */
    {"sampler=ddim schedule=vp grid=trailing model=previous",
     DM_ERR_UNSUPPORTED,
     {"model \"previous\"", "it needs a table, but the schedule is continuous"}},
    /* a learned variance without a second output */
    {"sampler=ddpm:variance=learned schedule=linear grid=trailing:steps=4 model=epsilon",
     DM_ERR_UNSUPPORTED,
     {"ddpm", "learned variance", "second output", "variance=1"}},
    {"sampler=ddpm:variance=learned_range schedule=linear grid=trailing:steps=4 model=epsilon",
     DM_ERR_UNSUPPORTED,
     {"ddpm", "learned variance", "second output", "variance=1"}},
};

static void specs_of_runs(void **state)
{
	const dm_model_ops ops = {.struct_size = sizeof ops, .predict = count_calls};
	(void)state;
	for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
		dm_run *run;
		dm_error err = {0};
		dm_status st = dm_run_create_spec(&run, specs[i].spec, &ops, NULL, 1, 4, NULL, &err);
		assert_null(run);
		if (st != specs[i].status || err.status != st)
			fail_msg("%s: %s (%s)", specs[i].spec, dm_status_name(st), err.message);
		for (int w = 0; w < 4 && specs[i].words[w]; w++)
			if (!strstr(err.message, specs[i].words[w]))
				fail_msg("%s: \"%s\" is not in \"%s\"", specs[i].spec, specs[i].words[w], err.message);
	}
	assert_int_equal(n_call, 0);
}

/* -------------------------------------------------------------------------------------------------------- as numbers */

static void tables(void **state)
{
	static const double betas[][3] = {{0.1, 0, 0.2},   {0.1, 1, 0.2},   {0.1, -0.5, 0.2},
	                                  {0.1, 1.5, 0.2}, {0.1, NAN, 0.2}, {0.1, INFINITY, 0.2}};
	static const double bars[][3] = {{0.9, 0.95, 0.1}, {0.9, 0.9, 0.1}, {0.9, -0.1, 0.1},
	                                 {0.9, 1, 0.1},    {0.9, NAN, 0.1}, {0.9, 0, 0}};
	static const char *const beta_values[] = {"0", "1", "-0.5", "1.5", "nan", "inf"};
	static const char *const bar_values[] = {"0.95", "0.9", "-0.1", "1", "nan", "0"};
	dm_schedule *schedule;
	(void)state;
	for (int i = 0; i < 6; i++) {
		REFUSE(DM_ERR_ARGUMENT, dm_schedule_create_betas(&schedule, betas[i], 3, NULL, err), "beta[1]", beta_values[i],
		       "(0, 1)");
		REFUSE(DM_ERR_ARGUMENT, dm_schedule_create_alpha_bars(&schedule, bars[i], 3, NULL, err),
		       i == 5 ? "alpha_bar[2]" : "alpha_bar[1]", bar_values[i]);
		assert_null(schedule);
	}
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_create_betas(&schedule, betas[0], 0, NULL, err), "n = 0", "1");
}

/* Nodes of the caller's: noise that turns round, or is no noise. */
static void nodes(void **state)
{
	static const struct {
		double alpha[3], sigma[3];
		const char *words[3];
	} rows[] = {
	    {{1, 1, 1}, {3, 1, 2}, {"must fall", "is 2 at node 2", "after 1"}},
	    {{1, 1, 1}, {1, 2, 1.5}, {"must rise", "is 1.5 at node 2", "after 2"}},
	    {{1, 1, 1}, {3, -1, 0}, {"sigma = -1", "node 1", ">= 0"}},
	    {{1, 1, 1}, {3, NAN, 0}, {"sigma = nan", "node 1", "finite"}},
	    {{1, NAN, 1}, {3, 1, 0}, {"alpha = nan", "node 1", "finite"}},
	    {{1, 0, 1}, {3, 0, 0}, {"alpha = 0", "node 1", "not both 0"}},
	    {{1, 1, 1}, {INFINITY, 1, 0}, {"sigma = inf", "node 0", "finite"}},
	};
	dm_schedule *schedule;
	dm_grid *grid;
	(void)state;
	DO(dm_schedule_create(&schedule, "ve", NULL, err));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		dm_node node[3] = {{0}};
		for (int k = 0; k < 3; k++)
			node[k] = (dm_node){.t = 1, .time = NAN, .alpha = rows[i].alpha[k], .sigma = rows[i].sigma[k]};
		REFUSE(DM_ERR_ARGUMENT, dm_grid_create_nodes(&grid, schedule, node, 3, NULL, err), rows[i].words[0],
		       rows[i].words[1], rows[i].words[2]);
		assert_null(grid);
	}
	dm_schedule_free(schedule);
}

static void strengths(void **state)
{
	dm_schedule *schedule;
	dm_grid *grid, *high, *low, *grid_of_none;
	(void)state;
	DO(dm_schedule_create(&schedule, "linear", NULL, err));
	DO(dm_grid_create(&grid, schedule, "trailing:steps=4", NULL, err));
	REFUSE(DM_ERR_ARGUMENT, dm_grid_split_strength(&high, &low, grid, -0.1, NULL, err), "strength", "-0.1", "[0, 1]");
	REFUSE(DM_ERR_ARGUMENT, dm_grid_split_strength(&high, &low, grid, 1.1, NULL, err), "strength", "1.1", "[0, 1]");
	REFUSE(DM_ERR_ARGUMENT, dm_grid_split_strength(&high, &low, grid, NAN, NULL, err), "strength", "nan", "[0, 1]");
	assert_true(!high && !low);
	REFUSE(DM_ERR_ARGUMENT, dm_grid_create(&grid_of_none, schedule, "trailing:steps=4|from:strength=0", NULL, err),
	       "from", "strength = 0", "no step");
	REFUSE(DM_ERR_ARGUMENT, dm_grid_create(&grid_of_none, schedule, "trailing:steps=4|from:strength=1.5", NULL, err),
	       "from", "strength = 1.5", "[0, 1]");
	dm_grid_free(grid);
	dm_schedule_free(schedule);
}

/* ------------------------------------------------------------------------------------------------------- as callbacks */

/* dx = -x/2 dt + dw from t = 0 on, with one of the two functions spoilt from t = 0.6 on. */
struct process {
	int spoilt; /* 0: drift, 1: diffusion */
	dm_status code;
	double value;
};

static dm_status answer(const struct process *p, int which, double good, double t, double *out)
{
	int is_bad = p->spoilt == which && t > 0.6;
	*out = is_bad ? p->value : good;
	return is_bad ? p->code : 0;
}

static dm_status drift(void *user, double t, double *f)
{
	return answer(user, 0, -0.5, t, f);
}

static dm_status diffusion(void *user, double t, double *g)
{
	return answer(user, 1, 1, t, g);
}

static void equations(void **state)
{
	const dm_sde_ops ops = {.struct_size = sizeof ops, .drift = drift, .diffusion = diffusion};
	static const char *const names[] = {"drift", "diffusion"};
	dm_schedule *schedule;
	(void)state;
	for (int which = 0; which < 2; which++) {
		struct process fails = {which, 7, 0}, nan = {which, 0, NAN}, infinite = {which, 0, INFINITY};
		dm_error error = {0};
		assert_int_equal(dm_schedule_create_sde(&schedule, &ops, &fails, 0, 0.01, 1, NULL, &error), DM_ERR_CALLBACK);
		assert_true(error.user_code == 7 && strstr(error.message, names[which]) && strstr(error.message, "7"));
		REFUSE(DM_ERR_ARGUMENT, dm_schedule_create_sde(&schedule, &ops, &nan, 0, 0.01, 1, NULL, err), names[which],
		       "nan", "finite");
		REFUSE(DM_ERR_ARGUMENT, dm_schedule_create_sde(&schedule, &ops, &infinite, 0, 0.01, 1, NULL, err), names[which],
		       "inf", "finite");
		assert_null(schedule);
	}
}

/* alpha = cos(t), sigma = sin(t), spoilt from t = 0.6 on. */
static dm_status level(void *user, double t, double *alpha, double *sigma)
{
	const struct process *p = user;
	*alpha = cos(t);
	return answer(p, p->spoilt, sin(t), t, sigma);
}

static void levels(void **state)
{
	const dm_schedule_ops ops = {.struct_size = sizeof ops, .level = level};
	struct process fails = {0, 7, 0}, nan = {0, 0, NAN}, negative = {0, 0, -1};
	dm_schedule *schedule;
	dm_error error = {0};
	(void)state;
	assert_int_equal(dm_schedule_create_custom(&schedule, &ops, &fails, 0.01, 1, NULL, &error), DM_ERR_CALLBACK);
	assert_true(error.user_code == 7 && strstr(error.message, "level") && strstr(error.message, "7"));
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_create_custom(&schedule, &ops, &nan, 0.01, 1, NULL, err), "sigma", "nan");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_create_custom(&schedule, &ops, &negative, 0.01, 1, NULL, err), "sigma", "-1");
	assert_null(schedule);
}

/* --------------------------------------------------------------------------------------------------- while it runs */

/* Data of variance 1; epsilon, and of the second output the first `written` elements. */
static dm_status gaussian(void *user, const dm_request *rq)
{
	const double a = rq->alpha[0], s = rq->sigma[0];
	size_t written = user ? *(size_t *)user : rq->n_element;
	for (size_t r = 0; r < rq->n_sample; r++)
		for (size_t i = 0; i < rq->n_element; i++) {
			size_t at = r * rq->out_stride + i;
			((float *)rq->out[0])[at] = (float)(s / (a * a + s * s)) * ((const float *)rq->x)[r * rq->x_stride + i];
			if (rq->out_variance && i < written)
				((float *)rq->out_variance[0])[at] = 0;
		}
	return 0;
}

static dm_status run_gaussian(const char *spec, size_t *written, dm_error *error)
{
	const dm_model_ops ops = {.struct_size = sizeof ops, .predict = gaussian};
	dm_run *run;
	dm_status st = dm_run_create_spec(&run, spec, &ops, written, 2, 4, NULL, error);
	if (st == DM_OK)
		st = dm_run_all(run, error);
	dm_run_free(run);
	return st;
}

/* Tolerances that cannot be met use up the evaluations; the error estimate, beyond all numbers, is no fault. */
static void tolerances(void **state)
{
	static const char *const samplers[] = {"dpm_adaptive:rtol=0,atol=1e-300", "dpm_adaptive:rtol=0,atol=1e-30",
	                                       "dpm_adaptive:rtol=0,atol=1e-300,control=plain", "rk45:rtol=0,atol=1e-30",
	                                       "rk45:rtol=0,atol=1e-300"};
	(void)state;
	for (size_t i = 0; i < sizeof samplers / sizeof *samplers; i++) {
		char spec[160];
		dm_error error = {0};
		snprintf(spec, sizeof spec, "sampler=%s schedule=vp grid=log_snr:steps=2 model=epsilon max_eval=2000",
		         samplers[i]);
		if (run_gaussian(spec, NULL, &error) != DM_ERR_LIMIT)
			fail_msg("%s: %s", samplers[i], error.message);
		assert_true(strstr(error.message, "max_eval") || strstr(error.message, "rtol and atol ask for steps below"));
	}
}

static void second_output(void **state)
{
	static const char spec[] = "sampler=ddpm:variance=learned schedule=linear grid=trailing:steps=2 "
	                           "model=epsilon:variance=1";
	size_t written = 4;
	dm_error error = {0};
	(void)state;
	assert_int_equal(run_gaussian(spec, &written, &error), DM_OK);
	written = 3;
	assert_int_equal(run_gaussian(spec, &written, &error), DM_ERR_NOT_WRITTEN);
	assert_non_null(strstr(error.message, "did not write element 3 of sample 0 of out_variance "));
}

/* At absurd levels a method works, or says that the step is too large for its arithmetic. */
static void absurd_levels(void **state)
{
	static const char *const samplers[] = {"euler", "heun",  "deis",     "er_sde",       "dpmpp_2m", "dpm2",
	                                       "lms",   "ipndm", "dpmpp_3m", "dpmpp_2m_sde", "unipc"};
	static const char *const grids[] = {"1e29/1e28/1e27", "1e29/1e20/1", "1e10/1e9/1/0.5", "1e9/1/0.5"};
	(void)state;
	for (size_t i = 0; i < sizeof samplers / sizeof *samplers; i++)
		for (size_t k = 0; k < sizeof grids / sizeof *grids; k++) {
			char spec[160];
			dm_error error = {0};
			snprintf(spec, sizeof spec, "sampler=%s schedule=ve grid=levels:at=%s model=epsilon", samplers[i],
			         grids[k]);
			dm_status st = run_gaussian(spec, NULL, &error);
			if (st != DM_OK && (k > 1 || st != DM_ERR_UNSUPPORTED || !strstr(error.message, "put nodes between")))
				fail_msg("%s: %s", spec, error.message);
			if (i == 3)
				assert_int_equal(st, DM_OK);
		}
}

/* Nodes below the least noise of the process are ends of steps like any others: tcd has no level under them to go to. */
static void below_the_process(void **state)
{
	static const char *const runs[] = {
	    "schedule=ve grid=karras:steps=8,sigma_min=0.002", "schedule=ve grid=vp_time:steps=4",
	    "schedule=linear grid=geometric_variance:steps=4", "schedule=flow grid=levels:at=5/1/0.0005",
	    "schedule=flow grid=levels:at=5/1/0.0005/0.0002",  "schedule=linear grid=times:at=500/-0.5/-0.8"};
	(void)state;
	for (size_t i = 0; i < 2 * sizeof runs / sizeof *runs; i++) {
		char spec[160];
		dm_error error = {0};
		snprintf(spec, sizeof spec, "sampler=tcd:gamma=%s %s model=epsilon", i % 2 ? "1" : "0.3", runs[i / 2]);
		if (run_gaussian(spec, NULL, &error) != DM_OK)
			fail_msg("%s: %s", spec, error.message);
	}
}

/* Where a method of the library loses its numbers, the levels are named, not the engine's checks of foreign methods. */
static void lost_numbers(void **state)
{
	static const struct {
		const char *run, *words;
	} known[] = {
	    {"sampler=deis schedule=vp:beta_max=1000 grid=trailing:steps=5", "\"deis\": a step from sigma/alpha = 3.1"},
	    {"sampler=dpm_fast schedule=vp:beta_max=1000 grid=trailing:steps=5",
	     "\"dpm_fast\": a step from sigma/alpha = 3"},
	    {"sampler=heun schedule=vp:beta_max=1000 grid=trailing:steps=3,final=last",
	     "\"heun\": a step from sigma/alpha = 13124"},
	    {"sampler=plms schedule=ve grid=levels:at=1e29/1e20/1/1e-20",
	     "\"plms\": a step from sigma/alpha = 1e+20 to 1 "},
	    {"sampler=bdia schedule=flow grid=levels:at=1e29/1e10/1/1e-29", NULL},
	    {"sampler=dpm_adaptive schedule=flow grid=levels:at=1e29/1e28/1e27,final=included", NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		char spec[160];
		dm_error error = {0};
		snprintf(spec, sizeof spec, "%s model=epsilon", known[i].run);
		dm_status st = run_gaussian(spec, NULL, &error);
		int is_refused = st == DM_ERR_UNSUPPORTED && strstr(error.message, "loses too many digits") &&
		                 strstr(error.message, "put nodes between");
		if (!(is_refused && (!known[i].words || strstr(error.message, known[i].words))) &&
		    !(st == DM_OK && !known[i].words))
			fail_msg("%s: %s: %s", spec, dm_status_name(st), error.message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(specs_of_runs),
	    cmocka_unit_test(tables),
	    cmocka_unit_test(nodes),
	    cmocka_unit_test(strengths),
	    cmocka_unit_test(equations),
	    cmocka_unit_test(levels),
	    cmocka_unit_test(tolerances),
	    cmocka_unit_test(second_output),
	    cmocka_unit_test(absurd_levels),
	    cmocka_unit_test(lost_numbers),
	    cmocka_unit_test(below_the_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
