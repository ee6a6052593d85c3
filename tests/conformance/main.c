/* conformance CASE_OR_FOLDER...: replays reference cases through the public API of demist. One line per case, then the
 * totals; the exit status is 0 when there was a case and none failed.
 *
 * conformance --mutate SEED CASE_OR_FOLDER...: the test of this test. In every case that passes one of the numbers it
 * is compared with, chosen by SEED, is moved by 5 % of the largest in its array; the case must then fail. */
#include "files.h"
#include "mutate.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_case(const char *path, void *user)
{
	static const char *const words[] = {"pass", "FAIL", "skip"};
	size_t *count = user;
	char name[NAME_SIZE];
	struct verdict verdict;
	run_file(path, &verdict);
	count[verdict.kind]++;
	printf("%s %s%s%s\n", words[verdict.kind], case_name(path, name), verdict.kind ? " " : "",
	       verdict.kind ? verdict.reason : "");
	return 0;
}

static int replay_all(char **path, size_t *count)
{
	for (; *path; path++)
		if (for_each_case(*path, print_case, count)) {
			printf("FAIL %s cannot be read, or holds no case\n", *path);
			count[VERDICT_FAIL]++;
		}
	printf("%zu passed, %zu failed, %zu skipped\n", count[VERDICT_PASS], count[VERDICT_FAIL], count[VERDICT_SKIP]);
	return count[VERDICT_FAIL] ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int usage(void)
{
	fputs("usage: conformance [--mutate SEED] CASE_OR_FOLDER...\n", stderr);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	size_t count[3] = {0};
	if (argc > 1 && !strcmp(argv[1], "--mutate"))
		return argc > 3 ? mutate_all(argv + 3, strtoull(argv[2], NULL, 10)) : usage();
	return argc > 1 ? replay_all(argv + 1, count) : usage();
}
