/* What the library's own work costs, beside loops written by hand and beside other programs. docs/performance.md
 * explains the cases. */
#include "bench/bench.h"
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: bench [--filter PART] [--sizes N,N,...] [--rounds N] [--isa NAME] [--json FILE] [--peers [FOLDER,...]]\n"
    "  --filter PART   only the cases with PART in their names\n"
    "  --sizes N,...   floats of one sample\n"
    "  --rounds N      of each case; otherwise the size says how many\n"
    "  --isa NAME      instruction set of the arrays: plain, sse2, avx2, avx512 or best\n"
    "  --json FILE     where the numbers go, too\n"
    "  --peers FOLDER,FOLDER  also the cases peer.*: a step beside those of diffusers and k-diffusion, whose sources\n"
    "                  stand in these folders, one or both. Needs python3-torch, and python3-scipy for LMS; what\n"
    "                  cannot be timed is skipped by name. Sizes unless given: 16384,1048576\n";

static const char *const isa_name[] = {[DM_ISA_BEST] = "best",
                                       [DM_ISA_PLAIN] = "plain",
                                       [DM_ISA_SSE2] = "sse2",
                                       [DM_ISA_AVX2] = "avx2",
                                       [DM_ISA_AVX512] = "avx512"};

int bench_wants(const struct bench *b, const char *name)
{
	return !b->filter || strstr(name, b->filter);
}

void bench_json(struct bench *b, const char *name, const char *what, size_t n, double value, double goal)
{
	if (b->json)
		fprintf(b->json, "%s\n  {\"name\": \"%s\", \"what\": \"%s\", \"n\": %zu, \"value\": %.6g, \"goal\": %.6g}",
		        b->n_result ? "," : "[", name, what, n, value, goal);
	b->n_result++;
}

void bench_report(struct bench *b, const char *name, const char *what, size_t n, double value, const char *unit,
                  double goal)
{
	printf("%-24s %-22s %10zu %12.4g %s", name, what, n, value, unit);
	if (goal > 0)
		printf("  (goal %g%s)", goal, value <= goal ? "" : ", not met");
	printf("\n");
	fflush(stdout);
	bench_json(b, name, what, n, value, goal);
}

void bench_pair_report(struct bench *b, const char *name, size_t n, const struct pair *p, double goal)
{
	double per = 1 / (double)n;
	printf("%-24s %10zu  %9.4f %9.4f ns/element, loop %9.4f %9.4f, ratio %6.3f least %6.3f median", name, n,
	       p->a.least * per, p->a.median * per, p->b.least * per, p->b.median * per, p->a.least / p->b.least, p->ratio);
	if (goal > 0)
		printf("  (goal %g%s)", goal, p->ratio <= goal ? "" : ", not met");
	printf("\n");
	fflush(stdout);
	bench_json(b, name, "ns per element", n, p->a.median * per, 0);
	bench_json(b, name, "ratio", n, p->ratio, goal);
}

void bench_fail(struct bench *b, const char *name, const char *message)
{
	printf("%-24s FAILED: %s\n", name, message);
	b->failed = 1;
}

static void set_sizes(struct bench *b, const char *list)
{
	char *end = NULL;
	for (b->n_size = 0; b->n_size < BENCH_MAX_SIZE && *list; list = *end ? end + 1 : end)
		b->size[b->n_size++] = strtoull(list, &end, 10);
}

static int set_isa(struct bench *b, const char *name)
{
	for (size_t i = 0; i < sizeof isa_name / sizeof *isa_name; i++)
		if (!strcmp(name, isa_name[i])) {
			b->isa = (int32_t)i;
			return 1;
		}
	return 0;
}

/* How many arguments the option takes, itself among them; 0: there is no such option, or its value is wrong. */
static int set_option(struct bench *b, const char *option, const char *value)
{
	if (!strcmp(option, "--peers")) {
		b->peers = 1;
		return value && strncmp(value, "--", 2) ? 2 : 1;
	}
	if (!value)
		return 0;
	if (!strcmp(option, "--filter"))
		b->filter = value;
	else if (!strcmp(option, "--sizes"))
		set_sizes(b, value);
	else if (!strcmp(option, "--rounds"))
		bench_set_rounds(strtoull(value, NULL, 10));
	else if (!strcmp(option, "--json"))
		return (b->json = fopen(value, "w")) ? 2 : 0;
	else
		return !strcmp(option, "--isa") && set_isa(b, value) ? 2 : 0;
	return 2;
}

int main(int argc, char **argv)
{
	static void (*const part[])(struct bench *) = {bench_steps,    bench_noise,   bench_small, bench_growth,
	                                               bench_guidance, bench_threads, bench_peers};
	struct bench b = {.isa = DM_ISA_BEST, .argument = argv};
	set_sizes(&b, "16384,262144,1048576,16777216");
	for (int i = 1, used = 0; i < argc; i += used) {
		used = set_option(&b, argv[i], argv[i + 1]);
		if (!used) {
			int asked = !strcmp(argv[i], "--help");
			fputs(usage, asked ? stdout : stderr);
			return asked ? 0 : 2;
		}
	}
	for (size_t i = 0; i < sizeof part / sizeof *part; i++)
		part[i](&b);
	if (b.json) {
		fprintf(b.json, "%s\n", b.n_result ? "\n]" : "[]");
		fclose(b.json);
	}
	return b.failed;
}
