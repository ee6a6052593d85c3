/* demist: an embeddable C library for diffusion sampling.
 *
 * It owns everything between a denoiser and a finished sample: noise process, time grid, sampler, guidance, noise. The
 * caller owns the denoiser, a callback. The shortest use:
 *
 *     static dm_status predict(void *user, const dm_request *rq)
 *     {
 *         my_network(user, rq->x, rq->n_sample, rq->time[0], rq->out[0]);
 *         return 0;
 *     }
 *     ...
 *     dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict};
 *     dm_run *run;
 *     dm_error err;
 *     if (dm_run_create_spec(&run, "sampler=dpmpp_2m schedule=linear grid=trailing:steps=15 model=epsilon", &ops,
 *                            network, n_sample, n_element, NULL, &err) != DM_OK || dm_run_all(run, &err) != DM_OK)
 *         puts(err.message);
 *     else
 *         dm_run_state(run, samples, DM_F32, &err);
 *     dm_run_free(run);
 *
 * Reading order, from simple to advanced: base.h (status, errors, names), run.h (running), model.h (the callback),
 * schedule.h, grid.h, guidance.h, noise.h, plan.h (looking at a computation), sampler.h (writing a method), array.h
 * (writing a backend), train.h (around training), likelihood.h (how probable given samples are), particles.h (samples given a
 * measurement, by many), codebook.h (samples as a few bits). */
#ifndef DEMIST_H
#define DEMIST_H

#include "demist/base.h"
#include "demist/schedule.h"
#include "demist/grid.h"
#include "demist/model.h"
#include "demist/operator.h"
#include "demist/guidance.h"
#include "demist/noise.h"
#include "demist/sampler.h"
#include "demist/plan.h"
#include "demist/array.h"
#include "demist/run.h"
#include "demist/picard.h"
#include "demist/train.h"
#include "demist/likelihood.h"
#include "demist/particles.h"
#include "demist/codebook.h"

#endif
