/* The object: options, phases between requests, results. */
#include "base/compiler.h"
#include "chain/codebook.h"
#include "base/error.h"
#include "base/math.h"
#include "noise/noise.h"
#include <stddef.h>
#include <string.h>

/* What is asked for next at the node at hand. */
enum { PREDICT, GRADIENT, CANDIDATE, END };

static const char *const scores[] = {"x0", "state", "candidates", NULL};
static const double one = 1;

/* In the order of the DMI_CODEBOOK_... numbers. */
static const dm_option options[] = {
    DMI_INTEGER("size", "vectors in the codebook of a step", 256, 2, 1 << 24),
    DMI_INTEGER("pursuit", "vectors that are combined at every step", 1, 1, 32),
    DMI_INTEGER("coefficient_bits", "of each combined vector but the first", 3, 1, 8),
    DMI_CHOICE("score", "what vectors are chosen by where there is no target", DMI_SCORE_X0, scores),
    DMI_INTEGER("target", "number of the log-probability, handed on in the request", 0, 0, 1e6),
};

/* ---------------------------------------------------------------------------------------------------------- set-up */

static dm_status check_options(const dm_codebook *b, dm_error *err)
{
	const struct dmi_asker *a = &b->chain.ask;
	const double *option = a->options.value;
	dm_status st = DM_OK;
	if (b->targeted)
		st = dmi_ask_refuse(a, 1u << DMI_CODEBOOK_SCORE | 1u << DMI_CODEBOOK_TARGET, "targets", err);
	if (st == DM_OK && b->n_pursuit == 1)
		st = dmi_ask_refuse(a, 1u << DMI_CODEBOOK_BITS, "pursuit=1", err);
	if (st == DM_OK && !b->targeted && !b->decodes && option[DMI_CODEBOOK_SCORE] == DMI_SCORE_CANDIDATES &&
	    b->n_pursuit > 1)
		st = dmi_fail(err, DM_ERR_UNSUPPORTED,
		              "codebook: score=candidates chooses single vectors, pursuit = %z must be 1", b->n_pursuit);
	return st;
}

static dm_status check_count(const dm_codebook *b, dm_error *err)
{
	size_t n = b->chain.ask.n_sample, all;
	if (dmi_multiply(n, b->n_index, &all) && b->n_given == all)
		return DM_OK;
	return dmi_fail(err, DM_ERR_ARGUMENT, "codebook: n_index = %z must be %z samples times %z indices (%z steps)",
	                b->n_given, n, b->n_index, b->n_coded);
}

static dm_status setup(void *object, dm_error *err)
{
	dm_codebook *b = object;
	struct dmi_asker *a = &b->chain.ask;
	const double *option = a->options.value;
	b->size = (size_t)option[DMI_CODEBOOK_SIZE];
	b->n_pursuit = (size_t)option[DMI_CODEBOOK_PURSUIT];
	b->n_level = (size_t)1 << (int)option[DMI_CODEBOOK_BITS];
	dm_status st = check_options(b, err);
	if (st == DM_OK)
		st = dmi_chain_setup(&b->chain, err);
	if (st != DM_OK)
		return st;
	for (size_t i = 0; i < b->chain.n_step; i++) {
		double mean[2], variance;
		(void)dm_posterior(dm_grid_node(a->grid, i), dm_grid_node(a->grid, i + 1), mean, &variance, NULL);
		b->n_coded += variance > 0;
	}
	b->n_index = b->n_coded * (2 * b->n_pursuit - 1);
	st = b->decodes ? check_count(b, err) : DM_OK;
	int asks = !b->targeted && !b->decodes;
	a->values = asks && option[DMI_CODEBOOK_SCORE] == DMI_SCORE_CANDIDATES;
	a->needs = 1u << DM_ASK_PREDICTION | (asks ? 1u << DM_ASK_GRADIENT : 0);
	return st;
}

static void place(void *object)
{
	dm_codebook *b = object;
	struct dmi_asker *a = &b->chain.ask;
	size_t count = 0;
	dmi_chain_place(&b->chain);
	a->arena.overflow |= !dmi_multiply(a->n_sample, b->n_index, &count);
	b->index = dmi_arena_take(&a->arena, count, sizeof *b->index);
	b->noise = dmi_ask_take_rows(a, a->n_element, DM_F64);
	b->vector = dmi_arena_take(&a->arena, a->n_element, sizeof *b->vector);
	if (b->decodes)
		return;
	b->target = b->targeted ? dmi_ask_take_rows(a, a->n_element, DM_F64) : NULL;
	b->direction = dmi_ask_take_rows(a, a->n_element, DM_F64);
	b->best = dmi_arena_take(&a->arena, a->n_sample, sizeof *b->best);
}

static dm_status copy_target(dm_codebook *b, dm_error *err)
{
	const struct dmi_asker *a = &b->chain.ask;
	dm_status st = dmi_ask_check_rows(a, "x0 of sample", b->given, a->number, a->n_sample, err);
	for (size_t i = 0; st == DM_OK && i < a->n_sample; i++) {
		const char *row = (const char *)b->given + i * a->n_element * dmi_type_size(a->number);
		const dm_input in = {.data = row, .type = a->number};
		dmi_row_sum(a, i, 1, &in, &one, dmi_chain_row(&b->chain, b->target, i), DM_F64);
	}
	return st;
}

/* A sample's indices of a step: vector, then coefficient and vector again and again. */
static dm_status copy_index(dm_codebook *b, dm_error *err)
{
	const int32_t *given = b->given;
	size_t of_step = 2 * b->n_pursuit - 1;
	for (size_t k = 0; k < b->chain.ask.n_sample * b->n_index; k++) {
		size_t step = k % b->n_index / of_step, in_step = k % b->n_index % of_step;
		int coefficient = in_step % 2 == 1;
		size_t end = coefficient ? b->n_level : b->size;
		if (given[k] < 0 || (size_t)given[k] >= end)
			return dmi_fail(err, DM_ERR_ARGUMENT,
			                "codebook: index[%z] = %d (sample %z, step %z) is the number of a %s, it must be 0 to %z",
			                k, given[k], k / b->n_index, step, coefficient ? "coefficient" : "vector", end - 1);
		b->index[k] = given[k];
	}
	return DM_OK;
}

static dm_status begin(void *object, dm_error *err)
{
	dm_codebook *b = object;
	struct dmi_chain *c = &b->chain;
	const dm_input z = dmi_row(b->vector);
	dmi_chain_begin(c);
	dmi_normals_f64(c->ask.first_seed, 0, (uint32_t)DM_DRAW_INIT << 29, 0, c->ask.n_element, b->vector);
	for (size_t i = 0; i < c->ask.n_sample; i++)
		dmi_row_sum(&c->ask, i, 1, &z, &dmi_chain_node(c)->sigma, dmi_chain_row(c, c->x, i), DM_F64);
	return b->decodes ? copy_index(b, err) : b->targeted ? copy_target(b, err) : DM_OK;
}

/* ---------------------------------------------------------------------------------------------------------- phases */

/* x' of a row, with the noise that stands somewhere. */
static void next_state(const dm_codebook *b, size_t i, const double *noise)
{
	const struct dmi_chain *c = &b->chain;
	const struct dmi_chain_step *step = &c->step[c->at];
	const double w[3] = {step->stay, step->toward, step->noise};
	const dm_input in[3] = {dmi_row(dmi_chain_row(c, c->x, i)), dmi_row(dmi_chain_row(c, c->x0, i)), dmi_row(noise)};
	dmi_row_sum(&c->ask, i, 3, in, w, dmi_chain_row(c, c->x_next, i), DM_F64);
}

/* To the next node; the noise of a coded step is known. */
static void advance(dm_codebook *b)
{
	struct dmi_chain *c = &b->chain;
	double *x = c->x;
	for (size_t i = 0; i < c->ask.n_sample; i++)
		next_state(b, i, dmi_chain_row(c, b->noise, i));
	c->x = c->x_next;
	c->x_next = x;
	b->coded += c->step[c->at].noise > 0;
	c->at++;
	b->phase = c->at < c->n_step ? PREDICT : END;
}

/* The indices of the step, chosen by direction or given, become noise. */
static void code(dm_codebook *b, int chooses)
{
	for (size_t m = 0; m < b->n_pursuit; m++) {
		if (chooses)
			dmi_codebook_choose(b, m);
		dmi_codebook_combine(b, m);
	}
	advance(b);
}

static void aim_at_target(dm_codebook *b)
{
	static const double difference[2] = {1, -1};
	const struct dmi_chain *c = &b->chain;
	for (size_t i = 0; i < c->ask.n_sample; i++) {
		const dm_input in[2] = {dmi_row(dmi_chain_row(c, b->target, i)), dmi_row(dmi_chain_row(c, c->x0, i))};
		dmi_row_sum(&c->ask, i, 2, in, difference, dmi_chain_row(c, b->direction, i), DM_F64);
	}
}

static dm_status ask_candidate(dm_codebook *b, dm_error *err)
{
	dmi_codebook_draw(b, b->candidate);
	for (size_t i = 0; i < b->chain.ask.n_sample; i++)
		next_state(b, i, b->vector);
	return dmi_chain_ask_value(&b->chain, (int32_t)b->chain.ask.options.value[DMI_CODEBOOK_TARGET], err);
}

static dm_status ask(void *object, dm_error *err)
{
	dm_codebook *b = object;
	const double *option = b->chain.ask.options.value;
	if (b->phase == END)
		return DM_DONE;
	if (b->phase == CANDIDATE)
		return ask_candidate(b, err);
	return b->phase == PREDICT ? dmi_chain_ask_prediction(&b->chain, err)
	                           : dmi_chain_ask_gradient(&b->chain, option[DMI_CODEBOOK_SCORE] == DMI_SCORE_X0,
	                                                    (int32_t)option[DMI_CODEBOOK_TARGET], err);
}

static void take_candidate(dm_codebook *b)
{
	const struct dmi_asker *a = &b->chain.ask;
	for (size_t i = 0; i < a->n_sample; i++) {
		int32_t *index = dmi_codebook_indices(b, i);
		if (b->candidate > 0 && !(a->log_value[i] > b->best[i]))
			continue;
		*index = (int32_t)b->candidate;
		b->best[i] = a->log_value[i];
	}
	if (++b->candidate == b->size)
		code(b, 0);
}

static dm_status take(void *object, dm_error *err)
{
	dm_codebook *b = object;
	struct dmi_chain *c = &b->chain;
	int of_x0 = c->ask.options.value[DMI_CODEBOOK_SCORE] == DMI_SCORE_X0;
	(void)err;
	if (b->phase == CANDIDATE) {
		take_candidate(b);
		return DM_OK;
	}
	if (b->phase == GRADIENT) {
		dmi_chain_take_gradient(c, of_x0, b->direction);
		code(b, 1);
		return DM_OK;
	}
	dmi_chain_take_prediction(c);
	if (c->step[c->at].noise == 0)
		advance(b);
	else if (b->decodes)
		code(b, 0);
	else if (b->targeted) {
		aim_at_target(b);
		code(b, 1);
	} else {
		b->phase = c->ask.values ? CANDIDATE : GRADIENT;
		b->candidate = 0;
	}
	return DM_OK;
}

static dm_status finish(void *object, dm_error *err)
{
	(void)object;
	(void)err;
	return DM_OK;
}

static const struct dmi_asker_type codebook = {.name = "codebook",
                                               .driver = "dm_codebook_next",
                                               .option = options,
                                               .n_option = sizeof options / sizeof *options,
                                               .setup = setup,
                                               .place = place,
                                               .begin = begin,
                                               .ask = ask,
                                               .take = take,
                                               .finish = finish};

/* ------------------------------------------------------------------------------------------------------- creation */

/* What a create function was given beside what every asker is. */
struct own {
	const void *data;
	size_t n_given;
	int32_t decodes;
};

static dm_status create(dm_codebook **out, const struct dmi_ask_given *given, const struct own *mine,
                        const dm_allocator *allocator, dm_error *err)
{
	dm_error own;
	if (!err)
		err = &own;
	if (!out)
		return dmi_fail(err, DM_ERR_ARGUMENT, "codebook: out is NULL");
	*out = NULL;
	dm_status st = dmi_ask_check(&codebook, given, err);
	if (st == DM_OK && mine->decodes && !mine->data)
		st = dmi_fail(err, DM_ERR_ARGUMENT, "codebook: index is NULL");
	dm_codebook *b = st == DM_OK ? dmi_ask_new(sizeof *b, &codebook, given, allocator, err) : NULL;
	if (!b)
		return err->status;
	b->given = mine->data;
	b->n_given = mine->n_given;
	b->decodes = mine->decodes;
	b->targeted = !mine->decodes && mine->data;
	st = dmi_ask_fill(b, given->options, err);
	b->given = NULL;
	if (st == DM_OK)
		*out = b;
	else
		dmi_object_release(b);
	return st;
}

dm_status dm_codebook_create_encode(dm_codebook **out, const dm_schedule *schedule, const dm_grid *grid,
                                    const dm_model *model, const char *option_text, const void *x0, int32_t type,
                                    size_t n_sample, size_t n_element, const dm_allocator *allocator, dm_error *err)
{
	const struct dmi_ask_given given = {schedule, grid, model, option_text, n_sample, n_element, type};
	return create(out, &given, &(struct own){x0, 0, 0}, allocator, err);
}

dm_status dm_codebook_create_decode(dm_codebook **out, const dm_schedule *schedule, const dm_grid *grid,
                                    const dm_model *model, const char *option_text, const int32_t *index,
                                    size_t n_index, int32_t type, size_t n_sample, size_t n_element,
                                    const dm_allocator *allocator, dm_error *err)
{
	const struct dmi_ask_given given = {schedule, grid, model, option_text, n_sample, n_element, type};
	return create(out, &given, &(struct own){index, n_index, 1}, allocator, err);
}

void dm_codebook_free(dm_codebook *b)
{
	dmi_object_release(b);
}

dm_status dm_codebook_next(dm_codebook *b, const dm_request **rq, dm_error *err)
{
	return dmi_ask_next(b, "codebook next", rq, err);
}

dm_status dm_codebook_all(dm_codebook *b, dm_error *err)
{
	return dmi_ask_all(b, "codebook all", err);
}

/* -------------------------------------------------------------------------------------------------------- results */

/* Exact for powers of two. */
static double log2_of(size_t n)
{
	static const double ln2 = 0.6931471805599453;
	double whole = 0;
	for (; n % 2 == 0; n /= 2)
		whole++;
	return whole + dmi_log((double)n) / ln2;
}

dm_status dm_codebook_facts(const dm_codebook *b, dm_codebook_info *info, dm_error *err)
{
	if (!b || !info)
		return dmi_fail(err, DM_ERR_ARGUMENT, "codebook facts: %s is NULL", b ? "info" : "the object");
	double further = (double)(b->n_pursuit - 1) * b->chain.ask.options.value[DMI_CODEBOOK_BITS];
	dm_codebook_info own = {.struct_size = sizeof own, .n_index = b->n_index, .n_step = (int64_t)b->n_coded};
	own.bits = (double)b->n_coded * ((double)b->n_pursuit * log2_of(b->size) + further);
	own.bits_per_element = own.bits / (double)b->chain.ask.n_element;
	size_t first = offsetof(dm_codebook_info, bits_per_element) + sizeof own.bits_per_element;
	return dmi_info_copy(info, sizeof own, &own, first, "codebook info", err);
}

dm_status dm_codebook_state(const dm_codebook *b, void *out, int32_t type, dm_error *err)
{
	return dmi_chain_state(b ? &b->chain : NULL, "codebook state", out, type, err);
}

dm_status dm_codebook_index(const dm_codebook *b, int32_t *index, size_t n_index, dm_error *err)
{
	dm_status st = dmi_ask_late(b, "codebook index", err);
	if (st != DM_OK)
		return st;
	size_t all = b->n_index * b->chain.ask.n_sample;
	if (!index || n_index != all)
		return dmi_fail(err, DM_ERR_ARGUMENT, "codebook index: index must hold n_index = %z numbers, %s %z", all,
		                index ? "n_index is" : "it is NULL, n_index is", n_index);
	memcpy(index, b->index, all * sizeof *index);
	return DM_OK;
}
