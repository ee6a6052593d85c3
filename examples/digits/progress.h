/* A progress bar with the time left, on standard error. */
#ifndef DIGITS_PROGRESS_H
#define DIGITS_PROGRESS_H

#include <stdatomic.h>
#include <stddef.h>

struct digits_progress {
	int shown;           /* 0: everything is silent */
	size_t total;        /* forward passes of the network; 0: not known */
	double start, drawn; /* seconds */
	atomic_size_t done;
};

/* Silent unless `wanted` and standard error is a terminal. */
void digits_progress_start(struct digits_progress *progress, size_t total, int wanted);

/* One more forward pass is done, on any thread; only the one that owns the terminal may set `draw`. */
void digits_progress_add(struct digits_progress *progress, int draw);

/* Wipes the bar. */
void digits_progress_end(const struct digits_progress *progress);

int digits_is_terminal(int stream); /* 1: standard output, 2: standard error */

#endif
