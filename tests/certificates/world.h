/* Processes and targets with known answers, and the way to send a sampler through them. All arithmetic is the library's
 * own, so the numbers do not depend on the compiler or the machine. */
#ifndef CERTIFICATES_WORLD_H
#define CERTIFICATES_WORLD_H

#include "demist.h"

/* Data drawn from a mixture of Gaussians. */
struct target {
	int32_t n;
	double weight[2], mean[2], deviation[2];
};

extern const struct target gaussian, mixture;

/* A process, and a kind of prediction that has a meaning on all of it. */
struct process {
	const char *title, *schedule, *model;
};

enum { N_PROCESS = 3 };
extern const struct process processes[N_PROCESS];

/* sigma/alpha at the first and the last node. */
#define TOP 20.0
#define BOTTOM 0.05

enum { N_START = 8 }; /* states that are followed at once */

/* E[x0 | x] of the target. */
double exact_x0(const struct target *t, double x, double alpha, double sigma);

/* The network's output is weight[0] x + weight[1] x0. kind: x0, v or flow. */
void output_weights(const char *kind, double alpha, double sigma, double weight[2]);

/* The second output of a model with a learned variance, everywhere. */
#define SAID_OF_VARIANCE 0.25

struct world {
	const struct target *target;
	const char *model;
	int64_t evaluations;
};

/* NULL where the plan is refused: err says why. world may be NULL where the plan is not run. */
dm_plan *make_plan(const char *sampler, const struct process *p, const char *grid, struct world *world, dm_error *err);
dm_plan_info facts_of(const dm_plan *plan);

/* The nodes of a process at TOP and BOTTOM. */
void find_ends(const struct process *p, dm_node node[2]);

/* The samples of a run in f64 from N_START states (NULL: from noise). */
dm_status run_plan(const dm_plan *plan, const double *start, double x[N_START], dm_error *err);

/* Whether a spec asks for the method of this name. */
int is_of_method(const char *spec, const char *method);

#endif
