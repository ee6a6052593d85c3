#include "user_table.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TABLE = 100000 };

/* A rule of betas: of entry i of n, between start and end. */
typedef double beta_rule(double i, double n, double start, double end);

static double linear(double i, double n, double start, double end)
{
	return start + (end - start) * i / (n - 1);
}

static double scaled_linear(double i, double n, double start, double end)
{
	double root = linear(i, n, sqrt(start), sqrt(end));
	return root * root;
}

static double sigmoid(double i, double n, double start, double end)
{
	return start + (end - start) / (1 + exp(-linear(i, n, -6, 6)));
}

static double from_decay(double (*f)(double t), double i, double n)
{
	return fmin(1 - f((i + 1) / n) / f(i / n), 0.999);
}

static double decay_exp(double t)
{
	return exp(-12 * t);
}

static double decay_laplace(double t)
{
	double m = -0.5 * (t > 0.5 ? -1 : 1) * log(1 - 2 * fabs(0.5 - t) + 1e-6);
	return sqrt(exp(m) / (1 + exp(m)));
}

static double decay_cosine(double t)
{
	double c = cos((t + 0.008) / 1.008 * 1.5707963267948966);
	return c * c;
}

static double exponential(double i, double n, double start, double end)
{
	(void)start, (void)end;
	return from_decay(decay_exp, i, n);
}

static double laplace(double i, double n, double start, double end)
{
	(void)start, (void)end;
	return from_decay(decay_laplace, i, n);
}

static double squared_cosine(double i, double n, double start, double end)
{
	(void)start, (void)end;
	return from_decay(decay_cosine, i, n);
}

static beta_rule *find_rule(const char *name)
{
	static const struct {
		const char *name;
		beta_rule *rule;
	} rules[] = {
	    {"linear", linear},   {"scaled_linear", scaled_linear},      {"sigmoid", sigmoid}, {"exp", exponential},
	    {"laplace", laplace}, {"squaredcos_cap_v2", squared_cosine},
	};
	for (size_t i = 0; name && i < sizeof rules / sizeof *rules; i++)
		if (!strcmp(rules[i].name, name))
			return rules[i].rule;
	return NULL;
}

/* Zero terminal SNR: the roots are moved and scaled so that the first stays and the last is 0. */
static void zero_terminal(double *bar, size_t n, double last)
{
	double first_root = sqrt(bar[0]), last_root = sqrt(bar[n - 1]);
	for (size_t i = 0; i < n; i++) {
		double root = (sqrt(bar[i]) - last_root) * first_root / (first_root - last_root);
		bar[i] = root * root;
	}
	bar[n - 1] = last;
}

static int fill(const struct test_case *c, beta_rule *rule, double *bar, size_t n, struct verdict *verdict)
{
	double start = case_number(c, "schedule.beta_start", NAN), end = case_number(c, "schedule.beta_end", NAN);
	double shift = case_number(c, "schedule.snr_shift", 1), product = 1;
	const char *zero = case_text(c, "schedule.zero_snr");
	for (size_t i = 0; i < n; i++)
		bar[i] = product *= 1 - rule((double)i, (double)n, start, end);
	int after = zero && !strcmp(zero, "on_alphas_cumprod"), floor = zero && !strcmp(zero, "floor");
	if (zero && !after && !floor && strcmp(zero, "exact"))
		return say(verdict, VERDICT_SKIP, "schedule.zero_snr %s", zero);
	if (zero && !after)
		zero_terminal(bar, n, floor ? ldexp(1, -24) : 0);
	for (size_t i = 0; i < n; i++)
		bar[i] /= shift + (1 - shift) * bar[i];
	if (after)
		zero_terminal(bar, n, 0);
	return VERDICT_PASS;
}

static int known_settings(const struct test_case *c, struct verdict *verdict)
{
	static const char *const known[] = {"betas", "T", "beta_start", "beta_end", "snr_shift", "zero_snr"};
	for (size_t i = 0; i < c->n_setting; i++) {
		size_t k = 0, n = sizeof known / sizeof *known;
		const char *key = c->setting[i].key;
		if (strncmp(key, "schedule.", 9))
			continue;
		while (k < n && strcmp(known[k], key + 9))
			k++;
		if (k == n)
			return say(verdict, VERDICT_SKIP, "%s %s", key, c->setting[i].value);
	}
	return VERDICT_PASS;
}

int user_table(const struct test_case *c, dm_schedule **out, struct verdict *verdict)
{
	double size = case_number(c, "schedule.T", 1000);
	beta_rule *rule = find_rule(case_text(c, "schedule.betas"));
	dm_error err;
	if (!rule || !(size >= 2 && size <= MAX_TABLE))
		return say(verdict, VERDICT_SKIP, "schedule.betas %s", case_text(c, "schedule.betas"));
	if (known_settings(c, verdict))
		return verdict->kind;
	size_t n = (size_t)size;
	double *bar = calloc(n, sizeof *bar);
	int kind = bar ? fill(c, rule, bar, n, verdict) : say(verdict, VERDICT_FAIL, "out of memory");
	if (!kind && dm_schedule_create_alpha_bars(out, bar, n, NULL, &err) != DM_OK)
		kind = say(verdict, VERDICT_FAIL, "%s", err.message);
	free(bar);
	return kind;
}
