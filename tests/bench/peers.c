/* The steps of other programs, which a script times in turn with the library's: it prints its results as lines of
 * numbers, and anything else that it prints is passed on. */
#define _POSIX_C_SOURCE 200809L
#include "bench/bench.h"
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_ARGUMENT = 32 };

/* us of a step: the other program's and the library's. */
static void report(struct bench *b, const char *line)
{
	char name[64];
	size_t n = 0;
	struct pair p;
	double goal = 0;
	if (sscanf(line, "= %63s %zu %lf %lf %lf %lf %lf %lf", name, &n, &p.a.least, &p.a.median, &p.b.least, &p.b.median,
	           &p.ratio, &goal) != 8) {
		fputs(line, stdout);
		return;
	}
	printf("%-33s %10zu  %9.2f %9.2f us/step, demist %9.2f %9.2f, ratio %6.1f least %6.1f median", name, n, p.a.least,
	       p.a.median, p.b.least, p.b.median, p.a.least / p.b.least, p.ratio);
	if (goal > 0)
		printf("  (goal: at least %g%s)", goal, p.ratio >= goal ? "" : ", not met");
	printf("\n");
	fflush(stdout);
	bench_json(b, name, "us of a step", n, p.a.median, 0);
	bench_json(b, name, "us of a step of demist", n, p.b.median, 0);
	bench_json(b, name, "ratio", n, p.ratio, goal);
}

/* In the child: the script with the options of the bench, its output in the pipe. */
static void become_script(struct bench *b, const int pipe_end[2])
{
	char *argument[MAX_ARGUMENT + 4] = {PEERS_PYTHON, "-B", PEERS_SCRIPT, PEERS_MODULE};
	for (size_t i = 1; i < MAX_ARGUMENT && b->argument[i]; i++)
		argument[i + 3] = b->argument[i];
	dup2(pipe_end[1], STDOUT_FILENO);
	close(pipe_end[0]);
	close(pipe_end[1]);
	execv(argument[0], argument);
	_exit(127);
}

void bench_peers(struct bench *b)
{
	int pipe_end[2], status = -1;
	char line[512];
	if (!b->peers)
		return;
	fflush(NULL);
	if (pipe(pipe_end)) {
		bench_fail(b, "peer", "no pipe");
		return;
	}
	pid_t child = fork();
	if (child == 0)
		become_script(b, pipe_end);
	close(pipe_end[1]);
	FILE *results = fdopen(pipe_end[0], "r");
	while (results && fgets(line, sizeof line, results))
		report(b, line);
	if (results)
		fclose(results);
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		bench_fail(b, "peer", "the script did not come to its end");
}
