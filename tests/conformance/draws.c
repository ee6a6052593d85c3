#include "draws.h"
#include "rows.h"
#include "visits.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct draw {
	uint32_t number;
	double *value; /* the whole tensor */
};

void draws_start(struct draws *draws, const struct test_case *c, struct verdict *verdict)
{
	memset(draws, 0, sizeof *draws);
	draws->c = c;
	draws->verdict = verdict;
}

void draws_free(struct draws *draws)
{
	for (size_t i = 0; i < draws->n; i++)
		free(draws->draw[i].value);
	free(draws->draw);
	draws->draw = NULL;
	draws->n = 0;
}

/* The next vector that matters; NULL when there is none left. */
static const double *next_recorded(struct draws *draws, size_t n)
{
	const struct test_case *c = draws->c;
	size_t block = case_next_block(c, BLOCK_NOISE, draws->block);
	while (block < c->n_block && !c->block[block].used)
		block = case_next_block(c, BLOCK_NOISE, block + 1);
	draws->block = block + 1;
	const struct case_array *array = block < c->n_block ? case_block_array(c, block, "value") : NULL;
	return array && array->n == n ? array->value : NULL;
}

/* The draw of that number: the one it was before, or the next. */
static const double *find(struct draws *draws, uint32_t number, size_t n)
{
	for (size_t i = 0; i < draws->n; i++)
		if (draws->draw[i].number == number)
			return draws->draw[i].value;
	struct draw *more = realloc(draws->draw, (draws->n + 1) * sizeof *more);
	if (!more)
		return NULL;
	draws->draw = more;
	more += draws->n;
	more->number = number;
	more->value = malloc(n * sizeof *more->value);
	int repaint = case_is(draws->c, "sampler", "repaint");
	const double *value = repaint ? NULL : next_recorded(draws, n);
	if (more->value && value)
		memcpy(more->value, value, n * sizeof *value);
	if (!more->value || (repaint ? !visits_noise(draws->c, number, n, more->value) : !value)) {
		free(more->value);
		say(draws->verdict, VERDICT_FAIL, "asks for draw %zu, the case has fewer that matter", draws->n);
		return NULL;
	}
	draws->n++;
	return more->value;
}

static dm_status fill(void *user, const dm_request *rq)
{
	struct draws *draws = user;
	size_t n = rq->n_element;
	const double *value = find(draws, rq->draw, n * case_batch(draws->c));
	if (!value)
		return 1;
	for (size_t i = 0; i < rq->n_sample; i++) {
		size_t row = (size_t)rq->sample[i];
		char *out = rq->out[0];
		size_t size = rq->out_type == DM_F64 ? sizeof(double) : sizeof(float);
		rows_write(out + i * rq->out_stride * size, rq->out_type, rq->out_stride, value + row * n, 1, n);
	}
	return 0;
}

/* A stream with at most one number listed per step has one call for every step, used or not. */
static int stream(const struct test_case *c, dm_noise **noise, char options[64], struct verdict *verdict)
{
	double steps = case_number(c, "grid.steps", 0), listed = case_number(c, "noise_draws", steps + 1);
	const char *spec = listed <= steps ? "torch_cpu:calls_per_step=1" : "torch_cpu";
	dm_error err;
	snprintf(options, 64, "seed=%llu", case_integer(c, "noise_seed"));
	if (dm_noise_create(noise, spec, NULL, &err) != DM_OK)
		return say(verdict, VERDICT_FAIL, "noise: %s", err.message);
	return VERDICT_PASS;
}

int draws_source(struct draws *draws, dm_noise **noise, char options[64])
{
	const dm_noise_ops ops = {.struct_size = sizeof ops, .fill = fill};
	const char *source = case_text(draws->c, "noise_source");
	dm_error err;
	options[0] = 0;
	if (source && strcmp(source, "torch_cpu"))
		return say(draws->verdict, VERDICT_SKIP, "noise_source %s", source);
	if (source)
		return stream(draws->c, noise, options, draws->verdict);
	if (dm_noise_create_custom(noise, &ops, draws, NULL, &err) != DM_OK)
		return say(draws->verdict, VERDICT_FAIL, "noise: %s", err.message);
	return VERDICT_PASS;
}
