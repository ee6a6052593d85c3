/* What the objects share that are no runs but drive the model: memory, options, keys, requests and their answers. Such an
 * object begins with a struct dmi_asker and has a const struct dmi_asker_type; rows are its samples, all arithmetic is f64. */
#ifndef DMI_ASK_H
#define DMI_ASK_H

#include "array/host.h"
#include "demist/grid.h"
#include "model/model.h"
#include "schedule/schedule.h"

/* object is the one that the asker begins. */
struct dmi_asker_type {
	const char *name, *driver; /* for messages: "bound", and the function of its step mode */
	const dm_option *option;
	int32_t n_option;
	dm_status (*setup)(void *object, dm_error *err);  /* checks the options; sizes of what it needs */
	void (*place)(void *object);                      /* takes its memory with dmi_ask_take */
	dm_status (*begin)(void *object, dm_error *err);  /* fills it */
	dm_status (*ask)(void *object, dm_error *err);    /* makes the request at hand: DM_EVAL, or DM_DONE */
	dm_status (*take)(void *object, dm_error *err);   /* its answer, which was checked; changes nothing when it fails */
	dm_status (*finish)(void *object, dm_error *err); /* after the last answer */
	void (*release)(void *object);                    /* optional: what only this type owns */
};

struct dmi_asker {
	struct dmi_object object;
	const struct dmi_asker_type *type;
	dm_schedule *schedule;
	dm_grid *grid; /* may be NULL */
	dm_model *model;
	struct dmi_options options;
	uint64_t first_seed;
	int64_t first_sample, max_eval, n_eval; /* n_eval: predictions answered */
	size_t n_sample, n_element;
	int32_t number; /* type of the requests' numbers where the model asks for none */
	uint32_t needs; /* bit DM_ASK_...: driver mode needs this callback, and says so before the first request */
	int32_t values; /* gradient requests want the log-probability too */
	int32_t cotangents;

	struct dmi_arena arena; /* all of the below; memory NULL while it is measured */
	size_t bytes;

	uint64_t *seed; /* keys of the samples */
	int64_t *sample;

	int32_t asked, begun, done, in_callback; /* asked: a request waits for its answer */
	dm_request rq;
	dm_branch branch;
	void *x, *cotangent, *own_out, *own_variance, *out[1], *out_variance[1];
	double *log_value;
	size_t *row; /* the samples that the rows of a request belong to */
	uint64_t *rq_seed;
	int64_t *rq_sample;
	double *time, *alpha, *sigma;
	dm_error scratch;
};

/* ------------------------------------------------------------------------------------------------------- asker.c */

/* What a create function was given. options: its own and those of a run (seed, first_sample, max_eval). */
struct dmi_ask_given {
	const dm_schedule *schedule;
	const dm_grid *grid;
	const dm_model *model;
	const char *options;
	size_t n_sample, n_element;
	int32_t number;
};

/* Checks what was given; then an object of `bytes` bytes of which only the asker is set, NULL and an error where there is
 * none. dmi_ask_fill does the rest: options, setup, memory, keys, begin. */
dm_status dmi_ask_check(const struct dmi_asker_type *type, const struct dmi_ask_given *given, dm_error *err);
void *dmi_ask_new(size_t bytes, const struct dmi_asker_type *type, const struct dmi_ask_given *given,
                  const dm_allocator *allocator, dm_error *err);
dm_status dmi_ask_fill(void *object, const char *options, dm_error *err);

/* count * size zeroed bytes of the object's one block; rows for all samples. */
void *dmi_ask_take_rows(struct dmi_asker *a, size_t stride, int32_t type);

/* Refuses options (a set of bits) that were given; why: "method=rk45". */
dm_status dmi_ask_refuse(const struct dmi_asker *a, uint32_t set, const char *why, dm_error *err);

/* An array of the caller's, n rows of n_element numbers: all finite. */
dm_status dmi_ask_check_rows(const struct dmi_asker *a, const char *name, const void *data, int32_t type, size_t n,
                             dm_error *err);

/* -------------------------------------------------------------------------------------------------------- rows.c */

/* Rows of a request: how many, and for each its sample, node and time; one node for all where the request has one. */
void dmi_ask_rows(struct dmi_asker *a, size_t n, size_t n_time);
dm_status dmi_ask_node(struct dmi_asker *a, size_t k, const dm_node *at, dm_error *err);

/* Row k of arrays of the request. */
void *dmi_ask_input(const struct dmi_asker *a, size_t k);
void *dmi_ask_cotangent(const struct dmi_asker *a, size_t k);
dm_input dmi_ask_answer(const struct dmi_asker *a, size_t k);

/* value = row[0] state + row[1] out in a space, or an error where the model's kind says nothing about it. */
dm_status dmi_ask_decode(const struct dmi_asker *a, int32_t space, const dm_node *at, double row[2], dm_error *err);

/* The factor from the state to what the network reads; an error where it is not finite. */
dm_status dmi_ask_scale(const struct dmi_asker *a, const dm_node *at, double *scale, dm_error *err);

/* out = sum of n weighted inputs, each one row; normals are those of the sample. The products of n rows with each other,
 * gram[n][n]; the product of two rows of data. */
enum { DMI_GRAM = 3 };
void dmi_row_sum(const struct dmi_asker *a, size_t sample, int32_t n, const dm_input *in, const double *c, void *out,
                 int32_t type);
void dmi_row_gram(const struct dmi_asker *a, size_t sample, int32_t n, const dm_input *in, double *gram);
double dmi_row_product(const struct dmi_asker *a, dm_input x, dm_input y);

static inline dm_input dmi_row(const double *data)
{
	return (dm_input){.data = data, .type = DM_F64};
}

/* ----------------------------------------------------------------------------------------------------- request.c */

/* The request with the rows and the input that stand: DM_EVAL. kind: prediction, vjp or gradient. */
dm_status dmi_ask_make(struct dmi_asker *a, int32_t kind);

/* Step mode and driver mode; call: "likelihood next", "likelihood all". */
dm_status dmi_ask_next(void *object, const char *call, const dm_request **rq, dm_error *err);
dm_status dmi_ask_all(void *object, const char *call, dm_error *err);

/* Calls that must come before the first request, and after the last one. */
dm_status dmi_ask_early(const void *object, const char *call, dm_error *err);
dm_status dmi_ask_late(const void *object, const char *call, dm_error *err);

#endif
