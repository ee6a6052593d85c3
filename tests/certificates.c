/* certificates.c: what every sampler keeps: order, weak order, cost, where it runs. Writes docs/certificates.md, or
 * compares with it.
 *
 *     certificates            print the page
 *     certificates --write FILE
 *     certificates --check FILE
 *
 * Fails where a setting of certificates/table.c does not keep the order that the library states, where a sampler of the
 * registry has no setting there and no row in the property table, and where FILE is not the page. All arithmetic is the
 * library's own, so the page has the same bits everywhere. */
#include "base/compiler.h"
#include "certificates/facts.h"
#include "certificates/order.h"
#include "certificates/page.h"
#include "certificates/weak.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char introduction[] =
    "# Certificates\n"
    "\n"
    "What every sampler keeps, measured. This page is written by the test program `certificates` "
    "(`--write FILE`) for the settings in [its\n"
    "table](../tests/certificates/table.c); the orders are those that `dm_sampler_order` states. The "
    "test fails where one does not hold, where a\n"
    "number has changed, and where a sampler that can be asked for is neither there nor in the property "
    "table.\n"
    "\n"
    "Everything is computed in f64, over nodes even in log-SNR from sigma/alpha = 20 down to 0.05 where "
    "nothing else is said. VP is the schedule\n"
    "`vp` with a model of v, VE is `ve` with x0, flow is `flow` with the velocity. Methods that work in "
    "sigma/alpha alone are the same on all\n"
    "three, up to the factor alpha.\n"
    "\n"
    "The columns of cost: *evaluations* (and *draws*) of N steps to a level above 0; after a semicolon "
    "those to the data, sigma = 0, where they\n"
    "differ; *17 in 30*: of 30 steps, where they are no line in N. *history*: the room of the method for "
    "earlier predictions and other values,\n"
    "whatever its options. *arrays*: how many of the state's type and size a run with these options holds.\n"
    "\n"
    "The [matrix](../tests/test_matrix.c), every sampler over every schedule and prediction, judges by these "
    "numbers: at 64 steps the error may be 5\n"
    "times that in brackets (the largest of the three), scaled to the steps of the grid by the order; of a method "
    "that chooses its steps, that at\n"
    "1e-6, scaled to its default tolerance. Settings that need more than 5 times stand in a table there, each with "
    "its factor and the cause.\n";

static const char on_orders[] =
    "\n"
    "## Order of convergence\n"
    "\n"
    "Of settings that draw no noise, and of the noise-free form of those that do: the error against the "
    "probability-flow ODE of the mixture 0.35\n"
    "N(-1.1, 0.35^2) + 0.65 N(0.9, 0.5^2) with exact score, the largest over eight starts. *order* is "
    "that of a whole run, its start and its last\n"
    "step included. A cell holds the slope over the last three of six doublings from 24 to 1536 steps "
    "and, in brackets, the error at 64 steps. A\n"
    "slope must not be below the order by more than 0.15; a note says why where one is, and where one is "
    "above by more than 0.25.\n"
    "\n";

static const char on_adaptive_orders[] =
    "\n"
    "## Methods that choose their steps\n"
    "\n"
    "The same error. It falls as the first power of the tolerance (rtol = atol, from 1e-4 to 1e-9), and "
    "from 1e-6 on as the power *order* of the\n"
    "evaluations: the two slopes of a cell, read as above; in brackets the error at 1e-6 and the "
    "evaluations it took.\n"
    "\n";

static const char on_weak_orders[] =
    "\n"
    "## Weak order\n"
    "\n"
    "Of settings that draw noise, without sampling. For the target N(0.7, 0.4^2) the exact denoiser is "
    "affine, so mean and variance pass exactly\n"
    "through the coefficients of the plan. A cell holds slope and error of the mean, then of the "
    "variance, read as above. The variance starts at\n"
    "that of the process, and is compared with it. The mean starts displaced by one deviation, and is "
    "compared with the solution of the SDE that\n"
    "the setting approaches, where the table knows it; *exact* is an error of rounding alone: along the "
    "reverse SDE the predicted x0 keeps its\n"
    "mean, whatever is extrapolated from it. Where no order is claimed only the error of the variance at "
    "64 steps is given, in brackets, if the\n"
    "plan is affine.\n"
    "\n";

static const char on_reach[] = "\n"
                               "## Where they run, and in few steps\n"
                               "\n"
                               "*table* is `linear` with a model of epsilon, *zero SNR* `linear:zero_snr=exact` with "
                               "v, *up* the way from data to noise on VP; a number is\n"
                               "that of the sentence of refusal below. The last two columns are the evaluations in 1, "
                               "2 and 3 steps, from sigma/alpha = 20 to 0.05 and from\n"
                               "there to the data; the results were finite on VP, VE and flow. A setting stands for "
                               "itself where it differs from its method.\n"
                               "\n";

static void make_page(struct page *page)
{
	say(page, "%s%s", introduction, on_orders);
	say_orders(page);
	say(page, "%s", on_adaptive_orders);
	say_adaptive_orders(page);
	say(page, "%s", on_weak_orders);
	say_weak_orders(page);
	say(page, "%s", on_reach);
	say_reach(page);
	say(page, "\nThe refusals:\n\n");
	say_refusals(page);
}

static int write_page(const struct page *page, const char *path)
{
	FILE *file = fopen(path, "wb");
	int written = file && fwrite(page->text, 1, page->n, file) == page->n;
	if (file && fclose(file) != 0)
		written = 0;
	if (!written)
		perror(path);
	return written;
}

/* The first line that differs. */
static int same_lines(FILE *file, const char *path, const char *text)
{
	char line[4096];
	for (int number = 1; fgets(line, sizeof line, file); number++) {
		size_t n = strlen(line);
		if (strncmp(line, text, n)) {
			fprintf(stderr, "%s:%d: not what is measured (certificates --write %s renews it):\n- %s+ %.*s\n", path,
			        number, path, line, (int)strcspn(text, "\n"), text);
			return 0;
		}
		text += n;
	}
	if (*text)
		fprintf(stderr, "%s: ends before:\n+ %.*s\n", path, (int)strcspn(text, "\n"), text);
	return !*text;
}

static int check_page(const struct page *page, const char *path)
{
	FILE *file = fopen(path, "rb");
	if (!file) {
		perror(path);
		return 0;
	}
	int same = same_lines(file, path, page->text);
	fclose(file);
	return same;
}

int main(int argc, char **argv)
{
	struct refusals refusals = {.n = 0};
	struct page page = {.refusals = &refusals};
	int write = argc == 3 && !strcmp(argv[1], "--write"), check = argc == 3 && !strcmp(argv[1], "--check"), good = 1;
	if (argc != 1 && !write && !check) {
		fprintf(stderr, "usage: certificates [--write FILE | --check FILE]\n");
		return EXIT_FAILURE;
	}
	make_page(&page);
	if (write)
		good = write_page(&page, argv[2]);
	else if (check)
		good = check_page(&page, argv[2]);
	else
		fwrite(page.text, 1, page.n, stdout);
	if (page.faults)
		fprintf(stderr, "certificates: %d claims do not hold\n", (int)page.faults);
	good = good && page.faults == 0;
	free_page(&page);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
