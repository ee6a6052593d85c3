/* The likelihood object: an asker whose type is one of two kinds. */
#ifndef DMI_LIKELIHOOD_H
#define DMI_LIKELIHOOD_H

#include "ask/ask.h"
#include "demist/likelihood.h"

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

struct dm_likelihood {
	struct dmi_asker ask;
	const void *given;           /* x0 of the caller's, while the object is made */
	int64_t *eval_of;            /* predictions of every sample */
	double *start, *log_density; /* [n_sample][n_element], [n_sample] */
	struct dmi_ode ode;
	struct dmi_bound bound;
};

extern const struct dmi_asker_type dmi_likelihood_ode, dmi_likelihood_bound;
extern const struct dmi_tableau *const dmi_tableaus[];

/* What both kinds do first when they take and fill memory; a prediction counted for the rows of the request. */
void dmi_likelihood_place(dm_likelihood *l);
dm_status dmi_likelihood_begin(dm_likelihood *l, dm_error *err);
void dmi_likelihood_count(dm_likelihood *l);

/* ln(Phi(high) - Phi(low)) of the standard normal; either end may be infinite. */
double dmi_log_normal_bin(double low, double high);

#endif
