/* The likelihood object: samples, requests and answers; what is computed from them is one of two kinds. */
#ifndef DMI_LIKELIHOOD_H
#define DMI_LIKELIHOOD_H

#include "array/host.h"
#include "demist/likelihood.h"
#include "model/model.h"
#include "schedule/schedule.h"

enum { DMI_RK_STAGES = 7 };

/* An explicit Runge-Kutta method: stage s at c[s] from a[s][0 .. s-1]; the result by b. difference: b minus the weights
 * of the embedded result, all zero for methods with fixed steps. */
struct dmi_tableau {
	int32_t n_stage, adaptive; /* adaptive: the last stage is the first of the next step */
	double c[DMI_RK_STAGES], a[DMI_RK_STAGES][DMI_RK_STAGES], b[DMI_RK_STAGES], difference[DMI_RK_STAGES];
};

/* One sample on its way through the angle. */
struct dmi_lane {
	double angle, wish, h, volume;  /* wish: size that the next trial may have; volume: integral of the divergence */
	double rate[DMI_RK_STAGES];     /* the divergence at the stages */
	double r, scale, row[2];        /* of the stage: state = r y, input = scale y, v = row[0] state + row[1] out */
	double trace, ahead;            /* of the output's Jacobian in y so far; probe . output on the positive side */
	int64_t step;                   /* steps made */
	int32_t rejected, is_end, done; /* is_end: the trial ends at the last node */
};

struct dmi_ode {
	const struct dmi_tableau *tableau;
	size_t n_node;
	dm_node *node;
	double *angle;                /* [n_node] */
	double *y, *y_next;           /* [n_sample][n_element]: where the step starts; the value of the stage */
	double *slope[DMI_RK_STAGES]; /* [n_sample][n_element] each */
	double *probe;                /* [n_sample][n_element]: the one at hand */
	struct dmi_lane *lane;
	const void *given; /* probes of the caller's */
	int32_t given_type, use_vjp, together, stage;
	size_t n_probe, n_part, part; /* requests of a stage: the prediction, then one or two for each probe */
	double difference;
};

struct dmi_bound {
	size_t n_node, n_chosen;
	dm_node *node;
	size_t *chosen; /* terms to be computed by the model, rising; the last is n_node - 1 */
	size_t at;      /* index into chosen */
	int32_t draw;
	double *x0, *variance; /* [n_element]: of the row at hand */
	double *term;          /* [n_sample][n_node] */
};

struct dmi_estimate {
	const char *name;
	const dm_option *option;
	int32_t n_option;
	dm_status (*setup)(dm_likelihood *l, dm_error *err);  /* checks the options; sizes of what it needs */
	void (*place)(dm_likelihood *l);                      /* takes its memory with dmi_likelihood_take */
	dm_status (*begin)(dm_likelihood *l, dm_error *err);  /* fills it */
	dm_status (*ask)(dm_likelihood *l, dm_error *err);    /* makes the request at hand: DM_EVAL, or DM_DONE */
	dm_status (*take)(dm_likelihood *l, dm_error *err);   /* its answer, which is finite */
	dm_status (*finish)(dm_likelihood *l, dm_error *err); /* fills log_density */
	double (*offset)(const dm_likelihood *l);             /* of the bits per dimension */
};

struct dm_likelihood {
	struct dmi_object object;
	const struct dmi_estimate *kind;
	dm_schedule *schedule;
	dm_grid *grid; /* of a bound; may be NULL */
	dm_model *model;
	struct dmi_options options;
	uint64_t first_seed;
	int64_t first_sample, max_eval, n_eval;
	size_t n_sample, n_element;
	int32_t type; /* of x0 */

	char *memory; /* NULL while it is measured */
	size_t bytes, used;
	int32_t overflow;

	uint64_t *seed;
	int64_t *sample, *eval_of; /* eval_of: predictions of every sample */
	double *start, *log_density;

	int32_t asked, begun, done, in_callback; /* asked: a request waits for its answer */
	dm_request rq;
	dm_branch branch;
	void *x, *cotangent, *own_out, *own_variance, *out[1], *out_variance[1];
	size_t *row; /* the samples that the rows of a request belong to */
	uint64_t *rq_seed;
	int64_t *rq_sample;
	double *time, *alpha, *sigma;
	dm_error scratch;

	struct dmi_ode ode;
	struct dmi_bound bound;
};

extern const struct dmi_estimate dmi_estimate_ode, dmi_estimate_bound;
extern const struct dmi_tableau *const dmi_tableaus[];

/* count * size zeroed bytes of the object's one block; rows for all samples. */
void *dmi_likelihood_take(dm_likelihood *l, size_t count, size_t size);
void *dmi_likelihood_take_rows(dm_likelihood *l, size_t stride, int32_t type);

/* Refuses options (a set of bits) that were given; why: "method=rk45". */
dm_status dmi_likelihood_refuse(const dm_likelihood *l, uint32_t set, const char *why, dm_error *err);

/* Rows of a request: how many, and for each its sample, node and time; one node for all where the request has one. */
void dmi_likelihood_rows(dm_likelihood *l, size_t n, size_t n_time);
dm_status dmi_likelihood_node(dm_likelihood *l, size_t k, const dm_node *at, dm_error *err);

/* Row k of an array of the request. */
void *dmi_likelihood_input(const dm_likelihood *l, size_t k);
dm_input dmi_likelihood_answer(const dm_likelihood *l, size_t k);

/* The request with the rows and the input that stand: DM_EVAL. kind: DM_ASK_PREDICTION or DM_ASK_VJP. */
dm_status dmi_likelihood_ask(dm_likelihood *l, int32_t kind);

/* value = row[0] state + row[1] out in a space, or an error where the model's kind says nothing about it. */
dm_status dmi_likelihood_decode(const dm_likelihood *l, int32_t space, const dm_node *at, double row[2], dm_error *err);

/* out = sum of n weighted inputs, each one row; normals are those of the sample. And the product of two rows. */
void dmi_row_sum(const dm_likelihood *l, size_t sample, int32_t n, const dm_input *in, const double *c, void *out,
                 int32_t type);
double dmi_row_product(const dm_likelihood *l, dm_input a, dm_input b);

static inline dm_input dmi_row(const double *data)
{
	return (dm_input){.data = data, .type = DM_F64};
}

/* ln(Phi(high) - Phi(low)) of the standard normal; either end may be infinite. */
double dmi_log_normal_bin(double low, double high);

#endif
