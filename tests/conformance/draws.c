#include "draws.h"
#include "rows.h"
#include <stdlib.h>
#include <string.h>

struct draw {
	uint32_t number;
	double *value; /* the whole tensor */
};

int draws_start(struct draws *draws, const struct test_case *c, struct verdict *verdict)
{
	const char *source = case_text(c, "noise_source");
	memset(draws, 0, sizeof *draws);
	draws->c = c;
	draws->verdict = verdict;
	if (source && strcmp(source, "torch_cpu"))
		return say(verdict, VERDICT_SKIP, "noise_source %s", source);
	if (source)
		torch_cpu_seed(&draws->stream, (uint32_t)case_integer(c, "noise_seed"));
	return VERDICT_PASS;
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

/* The position of a draw in a stream of at most one draw per step, used or not; elsewhere the next one. */
static size_t position(const struct draws *draws, uint32_t number)
{
	double steps = case_number(draws->c, "grid.steps", 0), listed = case_number(draws->c, "noise_draws", steps + 1);
	uint32_t of_step;
	for (int64_t visit = 0; (double)visit < steps && listed <= steps; visit++)
		if (dm_draw(DM_DRAW_STEP, visit, 0, &of_step, NULL) == DM_OK && of_step == number)
			return (size_t)visit;
	return draws->n_streamed;
}

static int next_vector(struct draws *draws, uint32_t number, double *out, size_t n)
{
	if (case_text(draws->c, "noise_source")) {
		size_t at = position(draws, number);
		do
			torch_cpu_normals(&draws->stream, out, n);
		while (draws->n_streamed++ < at);
		return VERDICT_PASS;
	}
	const double *value = next_recorded(draws, n);
	if (!value)
		return say(draws->verdict, VERDICT_FAIL, "asks for draw %zu, the case has fewer that matter", draws->n);
	memcpy(out, value, n * sizeof *out);
	return VERDICT_PASS;
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
	if (!more->value || next_vector(draws, number, more->value, n)) {
		free(more->value);
		return NULL;
	}
	draws->n++;
	return more->value;
}

dm_status draws_fill(void *user, const dm_request *rq)
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
