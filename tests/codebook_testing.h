/* What the tests of codebooks share: a mixture whose network answers, a caller's scores, encoders and decoders. */
#ifndef CODEBOOK_TESTING_H
#define CODEBOOK_TESTING_H

#include "likelihood_testing.h"

enum { MAX_ROW = 16, MAX_CODE = 1024 };

/* What a caller's log-probability is of. */
enum { NEAR_TARGET, COMPONENT };

struct caller {
	struct target m;
	int way;
	const double *wanted; /* [n_sample][n]; or the number of a component */
	size_t component;
	int calls, fail_at, fail_code;
	int spoil_at, spoil_kind; /* call whose answer has a NaN at row 1 (1), or is not there (2) */
	dm_codebook *busy;
	int by_steps, without_gradient;
	const char *schedule, *grid, *model;
	int32_t type;
};

static inline struct caller caller_of(size_t n, int kind)
{
	return (struct caller){
	    .m = mixture(n, kind), .schedule = "vp", .grid = "log_snr:steps=6,final=zero", .type = DM_F64};
}

/* ln p of row `row` and its gradient: of a normal around what is wanted, or of a component given a state. */
static inline double score(const struct caller *c, const dm_request *rq, size_t row, double *gradient)
{
	double x[MAX_DIM], p[MAX_COMPONENT], value = 0, a = rq->alpha[0], s = rq->sigma[0];
	for (size_t j = 0; j < c->m.n; j++)
		x[j] = get(rq->x, rq->x_type, row * rq->x_stride + j);
	if (c->way == NEAR_TARGET) {
		for (size_t j = 0; j < c->m.n; j++) {
			gradient[j] = a * c->wanted[rq->row[row] * c->m.n + j] - x[j];
			value -= gradient[j] * gradient[j] / 2;
		}
		return value;
	}
	posterior(&c->m, a, s, x, p, NULL, NULL, NULL);
	for (size_t j = 0; j < c->m.n; j++) {
		gradient[j] = 0;
		for (size_t k = 0; k < c->m.n_component; k++)
			gradient[j] -= ((k == c->component) - p[k]) * (x[j] - a * c->m.mean[k][j]) /
			               (a * a * c->m.std[k] * c->m.std[k] + s * s);
	}
	return log(p[c->component]);
}

static inline void answer_score(const struct caller *c, const dm_request *rq)
{
	assert_true(rq->target == 5 && rq->n_branch == 0 && (rq->out == NULL) == (rq->kind == DM_ASK_VALUE));
	for (size_t i = 0; i < rq->n_sample; i++) {
		double gradient[MAX_DIM], value = score(c, rq, i, gradient);
		if (rq->kind == DM_ASK_VALUE)
			rq->log_value[i] = value;
		for (size_t j = 0; rq->out && j < c->m.n; j++)
			put(rq->out[0], rq->out_type, i * rq->out_stride + j, gradient[j]);
	}
}

static inline dm_status reply(void *user, const dm_request *rq)
{
	struct caller *c = user;
	if (c->busy) {
		const dm_request *again;
		dm_error error;
		assert_int_equal(dm_codebook_next(c->busy, &again, &error), DM_ERR_BUSY);
		assert_int_equal(dm_codebook_all(c->busy, &error), DM_ERR_BUSY);
	}
	if (++c->calls == c->fail_at) {
		strcpy(rq->error->message, "no power");
		return c->fail_code;
	}
	int spoil = c->calls == c->spoil_at ? c->spoil_kind : 0;
	if (spoil == 2)
		return 0;
	for (size_t i = 0; rq->kind == DM_ASK_PREDICTION && i < rq->n_sample; i++)
		answer_row(&c->m, rq, i);
	if (rq->kind != DM_ASK_PREDICTION)
		answer_score(c, rq);
	if (spoil == 1 && rq->out)
		put(rq->out[0], rq->out_type, rq->out_stride + 1, NAN);
	if (spoil == 1 && !rq->out)
		rq->log_value[1] = INFINITY;
	return 0;
}

/* ------------------------------------------------------------------------------------------------------- objects */

struct parts {
	dm_schedule *schedule;
	dm_grid *grid;
	dm_model *model;
};

static inline struct parts parts_of(struct caller *c)
{
	struct parts p;
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = reply, .gradient = reply};
	if (c->by_steps)
		ops.predict = NULL;
	if (c->without_gradient)
		ops.gradient = NULL;
	DO(dm_schedule_create(&p.schedule, c->schedule, NULL, err));
	DO(dm_grid_create(&p.grid, p.schedule, c->grid, NULL, err));
	DO(dm_model_create(&p.model, c->model ? c->model : kind_names[c->m.kind], &ops, c, NULL, err));
	return p;
}

static inline void free_parts(struct parts *p)
{
	dm_model_free(p->model);
	dm_grid_free(p->grid);
	dm_schedule_free(p->schedule);
}

/* x0 NULL: by requests. */
static inline dm_codebook *encoder(struct caller *c, const char *options, const void *x0, size_t n_sample)
{
	dm_codebook *b;
	struct parts p = parts_of(c);
	DO(dm_codebook_create_encode(&b, p.schedule, p.grid, p.model, options, x0, c->type, n_sample, c->m.n, NULL, err));
	free_parts(&p);
	return b;
}

static inline dm_codebook *decoder(struct caller *c, const char *options, const int32_t *index, size_t n_index,
                                   size_t n_sample)
{
	dm_codebook *b;
	struct parts p = parts_of(c);
	DO(dm_codebook_create_decode(&b, p.schedule, p.grid, p.model, options, index, n_index, c->type, n_sample, c->m.n,
	                             NULL, err));
	free_parts(&p);
	return b;
}

struct code {
	double x[MAX_ROW * MAX_DIM], bits;
	int32_t index[MAX_ROW * MAX_CODE];
	size_t n_index; /* of a sample */
};

/* The rows of a finished object, which is freed. */
static inline struct code *read_code(dm_codebook *b, size_t n_sample)
{
	struct code *code = calloc(1, sizeof *code);
	dm_codebook_info info = {.struct_size = sizeof info};
	assert_non_null(code);
	DO(dm_codebook_facts(b, &info, err));
	assert_true(info.n_index <= MAX_CODE);
	code->n_index = info.n_index;
	code->bits = info.bits;
	DO(dm_codebook_state(b, code->x, DM_F64, err));
	DO(dm_codebook_index(b, code->index, info.n_index * n_sample, err));
	dm_codebook_free(b);
	return code;
}

static inline struct code *encode_all(struct caller *c, const char *options, const void *x0, size_t n_sample)
{
	dm_codebook *b = encoder(c, options, x0, n_sample);
	DO(dm_codebook_all(b, err));
	return read_code(b, n_sample);
}

static inline struct code *decode_all(struct caller *c, const char *options, const struct code *code, size_t n_sample)
{
	dm_codebook *b = decoder(c, options, code->index, code->n_index * n_sample, n_sample);
	DO(dm_codebook_all(b, err));
	return read_code(b, n_sample);
}

static inline void check_codes(const char *what, const struct code *a, const struct code *b, size_t n_sample, size_t n)
{
	check_same(what, a->x, b->x, n_sample * n, 0);
	assert_int_equal(a->n_index, b->n_index);
	assert_memory_equal(a->index, b->index, n_sample * a->n_index * sizeof *a->index);
}

/* Samples of the mixture, the same every time. */
static inline void samples(const struct target *m, double *x, size_t n_sample)
{
	for (size_t i = 0; i < n_sample; i++) {
		size_t k = i % m->n_component;
		DO(dm_normals(99, (int64_t)i, (uint32_t)DM_DRAW_USER << 29, 0, m->n, DM_F64, x + i * m->n, err));
		for (size_t j = 0; j < m->n; j++)
			x[i * m->n + j] = m->mean[k][j] + m->std[k] * x[i * m->n + j];
	}
}

#endif
