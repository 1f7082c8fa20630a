/* SPDX-License-Identifier: Apache-2.0 */
/* Device announcements go before a lone "--", and nothing else is added. */
#include "images.h"

#include <string.h>

#include "tables.h"

#define TOKENS "virtio_mmio.device=4K@0xd0000000:5 virtio_mmio.device=4K@0xd0001000:16"

static void check_as(const char *text, uint32_t devices, bool closed, const char *wanted)
{
	char buf[1024];
	struct writer w;

	assert_true(boot_cmdline_bytes(text, devices) <= sizeof buf);
	writer_init(&w, buf, boot_cmdline_bytes(text, devices));
	boot_cmdline_build(&w, text, test_devices, devices, closed);
	assert_false(w.bad);
	assert_int_equal(w.len, strlen(buf) + 1);
	assert_string_equal(buf, wanted);
}

static void check(const char *text, uint32_t devices, const char *wanted)
{
	check_as(text, devices, false, wanted);
}

static void no_device_no_change(void **state)
{
	static const char *const text[] = {
		"", "console=ttyS0", "a  b ", " a", "a -- b", "--", "-- a", "a --"};

	(void)state;
	for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
		check(text[i], 0, text[i]);
}

static void tokens_follow_the_text(void **state)
{
	(void)state;
	check("", 2, TOKENS);
	check("quiet", 2, "quiet " TOKENS);
	check("quiet ", 2, "quiet " TOKENS);
}

static void tokens_precede_the_applications_part(void **state)
{
	(void)state;
	check("netdev.ip=10.0.0.2/24 -- -c /etc/x", 2,
		"netdev.ip=10.0.0.2/24 " TOKENS " -- -c /etc/x");
	check("-- app --", 2, TOKENS " -- app --");
	check("--", 2, TOKENS " --");
	check("a --", 2, "a " TOKENS " --");
}

static void only_a_lone_dash_dash_counts(void **state)
{
	(void)state;
	check("--nopci --ip=eth0", 2, "--nopci --ip=eth0 " TOKENS);
	check("a--b x-- --- -", 2, "a--b x-- --- - " TOKENS);
}

static void unikraft_needs_an_end_of_the_announcements(void **state)
{
	(void)state;
	check_as("", 2, true, TOKENS " --");
	check_as("name", 2, true, "name " TOKENS " --");
	check_as("name -- arg", 2, true, "name " TOKENS " -- arg");
	check_as("name --", 2, true, "name " TOKENS " --");
	check_as("name", 0, true, "name");
	assert_true(boot_cmdline_begins_with_arguments(""));
	assert_true(boot_cmdline_begins_with_arguments(" -- a"));
	assert_false(boot_cmdline_begins_with_arguments(" a -- b"));
}

static void a_writer_that_is_too_small_is_bad(void **state)
{
	char buf[64];

	(void)state;
	for (size_t cap = 0; cap < 39; cap++) {
		struct writer w;

		writer_init(&w, buf, cap);
		boot_cmdline_build(&w, "quiet", test_devices, 1, false);
		assert_true(w.bad);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_device_no_change),
		cmocka_unit_test(tokens_follow_the_text),
		cmocka_unit_test(tokens_precede_the_applications_part),
		cmocka_unit_test(only_a_lone_dash_dash_counts),
		cmocka_unit_test(unikraft_needs_an_end_of_the_announcements),
		cmocka_unit_test(a_writer_that_is_too_small_is_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
