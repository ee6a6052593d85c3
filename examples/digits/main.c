/* Draws handwritten digits: a small U-Net in plain C, sampled by demist. Reading order: denoiser.c (the network as the
 * library's model), setup.c (from the command line to a run), draw.c (running it). */
#include "codes.h"
#include "draw.h"
#include "list.h"

static int act(const struct digits_args *args, const char *program, struct digits_error *error)
{
	static int (*const work[])(const struct digits_args *, const char *, struct digits_error *) = {
	    digits_draw, digits_draw, digits_draw, digits_draw, digits_draw, digits_encode, digits_decode};

	if (args->help)
		digits_args_help(stdout);
	else if (args->list)
		digits_list(stdout);
	else if (args->options)
		return digits_list_options(stdout, args->options, error) ? DIGITS_EXIT_USAGE : DIGITS_EXIT_OK;
	else
		return args->plan ? digits_print_plan(args, error) : work[args->task](args, program, error);
	return DIGITS_EXIT_OK;
}

int main(int argc, char **argv)
{
	struct digits_args args;
	struct digits_error error;
	int status;

	if (digits_args_parse(&args, argc, argv, &error)) {
		fprintf(stderr, "digits: %s\nTry digits --help.\n", error.text);
		return DIGITS_EXIT_USAGE;
	}
	status = act(&args, argc > 0 ? argv[0] : "", &error);
	if (status == DIGITS_EXIT_OK && (fflush(stdout) != 0 || ferror(stdout))) {
		digits_fail(&error, "cannot write to standard output");
		status = DIGITS_EXIT_FAILURE;
	}
	if (status != DIGITS_EXIT_OK)
		fprintf(stderr, "digits: %s\n", error.text);
	return status;
}
