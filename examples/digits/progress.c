#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#ifdef _WIN32
#include <io.h>
#include <windows.h>
#define isatty _isatty
#else
#include <unistd.h>
#endif

enum { BAR = 40, LINE = 79 };

static double seconds(void)
{
#ifdef _WIN32
	return (double)GetTickCount64() / 1000;
#else
	struct timespec now;

	timespec_get(&now, TIME_UTC);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
#endif
}

int digits_is_terminal(int stream)
{
	return isatty(stream);
}

void digits_progress_start(struct digits_progress *progress, size_t total, int wanted)
{
	progress->shown = wanted && digits_is_terminal(2);
	progress->total = total;
	progress->start = progress->drawn = seconds();
	atomic_init(&progress->done, 0);
}

static void draw(const struct digits_progress *progress, size_t done, double now)
{
	const double elapsed = now - progress->start;
	char bar[BAR + 1];
	double part;

	if (progress->total == 0) {
		fprintf(stderr, "\r%10zu forward passes, %.0f s ", done, elapsed);
		return;
	}
	part = (double)done / (double)progress->total;
	for (int i = 0; i < BAR; i++)
		bar[i] = i < (int)(part * BAR) ? '#' : '.';
	bar[BAR] = 0;
	fprintf(stderr, "\r[%s] %3.0f %%, %.0f s left ", bar, 100 * part, elapsed * (1 - part) / part);
}

void digits_progress_add(struct digits_progress *progress, int may_draw)
{
	const size_t done = atomic_fetch_add(&progress->done, 1) + 1;
	double now;

	if (!may_draw || !progress->shown)
		return;
	now = seconds();
	if (now - progress->drawn < 0.1)
		return;
	progress->drawn = now;
	draw(progress, done, now);
	fflush(stderr);
}

void digits_progress_end(const struct digits_progress *progress)
{
	if (progress->shown)
		fprintf(stderr, "\r%*s\r", LINE, "");
}
