/* Spreading independent pieces of work over threads. */
#ifndef DIGITS_WORKERS_H
#define DIGITS_WORKERS_H

#include <stddef.h>

enum { DIGITS_MAX_WORKERS = 64 };

/* One piece of work; `worker` < workers tells which thread runs it, so that each can use memory of its own. */
typedef void digits_task(void *context, size_t index, unsigned worker);

/* The number of processors that are online, 1 where that is not known. */
unsigned digits_default_workers(void);

/* Calls task(context, i, worker) once for each i in 0..count-1, on up to `workers` threads (0: the default, at most
 * DIGITS_MAX_WORKERS), one of which is the calling thread, and returns when all are done. The order of the calls is
 * not fixed. Where a thread cannot be started the others do its share. */
void digits_run_workers(size_t count, unsigned workers, digits_task *task, void *context);

#endif
