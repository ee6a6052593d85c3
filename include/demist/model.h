/* demist/model.h: the caller's denoiser and what the run asks of it. */
#ifndef DEMIST_MODEL_H
#define DEMIST_MODEL_H

#include "schedule.h"

typedef struct dm_model dm_model;

/* Number types of arrays. Values are in the machine's byte order. */
enum { DM_F32 = 1, DM_F64 = 2, DM_F16 = 3, DM_BF16 = 4 };

/* One forward pass among those of a node. condition: DM_CONDITION_GIVEN is the sample's own condition (prompt, label),
 * DM_CONDITION_NONE the empty or negative one; further numbers are the guidance's. */
typedef struct dm_branch {
	int32_t model, condition, perturbation;
} dm_branch;

enum { DM_CONDITION_GIVEN = 0, DM_CONDITION_NONE = 1 };

/* Kinds of requests. A kind that nobody asked for is never issued. */
enum {
	DM_ASK_PREDICTION = 1,
	DM_ASK_VJP = 2,
	DM_ASK_GRADIENT = 3,
	DM_ASK_NOISE = 4,
	DM_ASK_VALUE = 5,
	DM_ASK_STEP = 6
};

/* What a run asks. It belongs to the run; its buffers keep their addresses for the whole run. All arrays of samples are
 * rows: sample i starts at element i * stride.
 *
 * DM_ASK_PREDICTION: evaluate the network on x at time, for every branch b, into out[b] (and out_variance[b] where the
 *   model declares variance=1). out[b] may be pointed at the caller's own buffer of the same type and stride, for this
 *   request only; it must not overlap x. Every element of every sample must be written.
 * DM_ASK_VJP: the transposed Jacobian of the network at x times the cotangent, for every branch b, into out[b]: the
 *   gradient of sum_i cotangent_i output_i(x) with respect to x. The cotangent has the type and stride of the outputs.
 * DM_ASK_GRADIENT: into out[0] the gradient with respect to x of a log-probability at time; target says which, where a
 *   guidance has several. Where sigma is 0, x is an estimate of the clean sample, not scaled, and time is 0.
 * DM_ASK_VALUE: into log_value that log-probability alone; there is no out.
 * DM_ASK_NOISE: fill out[0] with unit normals, row i for (seed, sample[i], draw): only where the noise was created to
 * be asked for. DM_ASK_STEP: a step ended: x is the state, x0 the estimate of the clean sample (NULL unless the plan
 * has preview=1); nothing to fill in. */
typedef struct dm_request {
	size_t struct_size;
	int32_t kind, n_branch;
	int64_t eval;          /* counts predictions from 0; of DM_ASK_VJP and _GRADIENT: the prediction before */
	int64_t step, n_step;  /* n_step is -1 where the number is not known (adaptive methods) */
	const int64_t *sample; /* n_sample entries: index of each row's sample; adaptive runs ask for some of them */
	const uint64_t *seed;  /* n_sample entries */
	const size_t *row;     /* n_sample entries: position of each row in the run's batch, 0..n-1 */
	size_t n_sample, n_element;
	const double *time, *alpha, *sigma; /* n_time entries each */
	size_t n_time;                      /* 1: the same for all rows; or n_sample */
	const void *x;
	int32_t x_type, out_type;
	size_t x_stride, out_stride;
	const dm_branch *branch;
	void **out, **out_variance;
	const void *x0; /* DM_ASK_STEP: type x_type, stride x_stride */
	uint32_t draw;  /* DM_ASK_NOISE: the draw's number, see noise.h */
	int64_t draw_ordinal;
	dm_error *error;       /* a callback may leave its message here before it returns non-zero */
	const void *cotangent; /* DM_ASK_VJP: type out_type, stride out_stride */
	int32_t target;    /* DM_ASK_GRADIENT, _VALUE: the number of the condition, 0 unless a guidance says otherwise */
	double *log_value; /* DM_ASK_VALUE, and DM_ASK_GRADIENT where not NULL: n_sample log-probabilities */
	/* DM_ASK_PREDICTION and _VJP of a model with two_time=1, else NULL: where the step goes, n_time entries each */
	const double *time_to, *alpha_to, *sigma_to;
} dm_request;

/* predict answers DM_ASK_PREDICTION, vjp DM_ASK_VJP, gradient DM_ASK_GRADIENT and DM_ASK_VALUE; predict NULL: the caller drives the run
 * with dm_run_next; vjp and gradient are needed only by what asks for them. Any non-zero return stops the
 * run at this request and comes back as DM_ERR_CALLBACK with that number in user_code. A callback must not throw,
 * longjmp or call back into its run (dm_run_cancel excepted). destroy (optional) is called once, also when create
 * fails. */
typedef struct dm_model_ops {
	size_t struct_size;
	dm_status (*predict)(void *user, const dm_request *rq);
	void (*destroy)(void *user);
	dm_status (*vjp)(void *user, const dm_request *rq);
	dm_status (*gradient)(void *user, const dm_request *rq);
} dm_model_ops;

/* spec: what the network predicts, and how it wants its input:
 *   epsilon  the noise                        x0  the clean sample
 *   v        (alpha epsilon - sigma x0) / sqrt(alpha^2 + sigma^2)
 *   score    -epsilon / sigma                 flow  epsilon - x0 (velocity of rectified flow)
 *   edm      F of Karras 2022 eq. 7: x0 = c_skip x + c_out F
 *   consistency  the same, with x0 = x at the level sigma_min (Song 2023)
 *   trigflow sigma_data cos(a) epsilon - sin(a) x0, tan a = sigma / (sigma_data alpha)
 *   previous the mean of the posterior of the table entry below (Dhariwal 2021, PREVIOUS_X)
 *   minus_epsilon, flow_reversed, edm_negated: with the other sign
 * options: time (a name of DM_KIND_TIME; default: table index where the schedule has one, else t),
 *   input = state, or scaled (x / sqrt(alpha^2 sigma_data^2 + sigma^2)), or ve (x / alpha); sigma_data; x, out = the
 *   number types of input and output (default: those of the state); x_stride, out_stride in elements (0: n_element);
 *   variance = 1 if the network has a second output; sigma_min of consistency; time_n, a number of some times; models,
 *   conditions: how many the network knows, from number 0 on, which is always there, and perturbations: how many beside
 *   the plain network, from number 1 on (0: none), so that a guidance that needs others is refused; -1, the default: not
 *   said;
 *   two_time = 1 if the network is told where the step goes too (flow maps): time_to is the same map of the end of the
 *   step, or of the sampler's own aim (dm_emit_eval_to of sampler.h), or equal to time where what is wanted is the
 *   prediction at that level itself (likelihoods, particles, codebooks, Langevin steps). The maps by table index begin at
 *   index 0, so the clean end, t = -1, has the time_to 0 of entry 0 as well: there sigma_to = 0 tells it, or time=t.
 * ops may be NULL for step mode without destroy. */
DM_API dm_status dm_model_create(dm_model **out, const char *spec, const dm_model_ops *ops, void *user,
                                 const dm_allocator *allocator, dm_error *err);
DM_API void dm_model_free(dm_model *model);

/* What time the model would receive at a node (its explicit time where that is not NaN). */
DM_API dm_status dm_model_time(const dm_model *model, const dm_schedule *schedule, const dm_node *at, double *time,
                               dm_error *err);

/* Conversion between prediction kinds at one level: with the state x, prediction = coefficient[0] x + coefficient[1]
 * out, both kinds by name ("epsilon", "x0", "v", "score", "flow", "edm", ...; consistency with sigma_min = 0; not
 * "previous"). DM_ERR_UNSUPPORTED where it has no meaning (x0 from epsilon at alpha = 0). */
DM_API dm_status dm_convert(const char *from, const char *to, double alpha, double sigma, double sigma_data,
                            double coefficient[2], dm_error *err);

#endif
