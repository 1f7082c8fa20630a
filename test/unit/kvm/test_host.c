/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a host: what it learns, what it refuses, and every call failing in turn. */
#include "test.h"

#include <errno.h>
#include <string.h>

#include "fake.h"

static void learns(void **state)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct fake_kvm fake;
	struct kvm_host host;

	(void)state;
	fake_init(&fake);
	assert_int_equal(kvm_host_init(&host, &fake.sys, -1, &err), 0);
	assert_int_equal(host.max_vcpus, 64);
	assert_true(host.has_split && host.has_halt_poll && host.has_sync_regs);
	assert_int_not_equal(host.vendor, KVM_VENDOR_UNKNOWN);
	assert_int_equal(fake.live_fds, 1);
	kvm_host_fini(&host);
	assert_int_equal(fake.live_fds, 0);
	fake_fini(&fake);
}

static void given_fd_is_duplicated(void **state)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct fake_kvm fake;
	struct kvm_host host;

	(void)state;
	fake_init(&fake);
	assert_int_equal(kvm_host_init(&host, &fake.sys, 5, &err), 0);
	assert_int_not_equal(host.fd, 5);
	kvm_host_fini(&host);
	assert_int_equal(fake.live_fds, 0);
	fake_fini(&fake);
}

static void names_what_is_missing(void **state)
{
	static const struct {
		unsigned long cap;
		const char *name;
	} needed[] = {
		{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
		{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
		{ KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE" },
		{ KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR" },
		{ KVM_CAP_XSAVE, "KVM_CAP_XSAVE" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
		struct ukvmm_err err = { .size = sizeof err };
		struct fake_kvm fake;
		struct kvm_host host;

		fake_init(&fake);
		fake_set_cap(&fake, needed[i].cap, 0);
		assert_int_equal(kvm_host_init(&host, &fake.sys, -1, &err), -ENOTSUP);
		assert_non_null(strstr(err.text, needed[i].name));
		assert_int_equal(fake.live_fds, 0);
		fake_fini(&fake);
	}
}

static void xcrs_are_optional(void **state)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct fake_kvm fake;
	struct kvm_host host;

	(void)state;
	for (int has = 0; has < 2; has++) {
		fake_init(&fake);
		fake_set_cap(&fake, KVM_CAP_XCRS, has);
		assert_int_equal(kvm_host_init(&host, &fake.sys, -1, &err), 0);
		assert_int_equal(host.has_xcrs, has);
		kvm_host_fini(&host);
		fake_fini(&fake);
	}
}

static void limits_vcpus_to_eight_bit_apic_ids(void **state)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct fake_kvm fake;
	struct kvm_host host;

	(void)state;
	fake_init(&fake);
	fake_set_cap(&fake, KVM_CAP_MAX_VCPUS, 4096);
	assert_int_equal(kvm_host_init(&host, &fake.sys, -1, &err), 0);
	assert_int_equal(host.max_vcpus, 255);
	kvm_host_fini(&host);
	fake_fini(&fake);
}

static void refuses_what_is_not_kvm(void **state)
{
	static const int versions[] = { 11, 13, -ENOTTY, -EINVAL };

	(void)state;
	for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
		struct ukvmm_err err = { .size = sizeof err };
		struct fake_kvm fake;
		struct kvm_host host;

		fake_init(&fake);
		fake.api_version = versions[i];
		assert_int_equal(kvm_host_init(&host, &fake.sys, -1, &err), -ENOTSUP);
		assert_string_equal(err.call, "KVM_GET_API_VERSION");
		assert_int_equal(fake.live_fds, 0);
		fake_fini(&fake);
	}
}

static void open_errors_have_a_cure(void **state)
{
	static const struct {
		int error, rc;
		const char *word;
	} cases[] = {
		{ ENOENT, -ENOENT, "load kvm_intel" },
		{ ENODEV, -ENOENT, "load kvm_intel" },
		{ EACCES, -EACCES, "group" },
		{ EPERM, -EACCES, "group" },
		{ EMFILE, -EMFILE, "ulimit -n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct ukvmm_err err = { .size = sizeof err };
		struct fake_kvm fake;
		struct kvm_host host;

		fake_init(&fake);
		fake.fail_at = 1;
		fake.fail_errno = cases[i].error;
		assert_int_equal(kvm_host_init(&host, &fake.sys, -1, &err), cases[i].rc);
		assert_int_equal(err.code, cases[i].rc);
		assert_string_equal(err.call, "open");
		assert_string_equal(err.object, "/dev/kvm");
		assert_non_null(strstr(err.text, cases[i].word));
		fake_fini(&fake);
	}
}

static void every_call_may_fail(void **state)
{
	(void)state;
	for (uint32_t n = 1;; n++) {
		struct ukvmm_err err = { .size = sizeof err };
		struct fake_kvm fake;
		struct kvm_host host;
		int rc;

		fake_init(&fake);
		fake.fail_at = n;
		fake.fail_errno = EREMOTEIO;
		rc = kvm_host_init(&host, &fake.sys, n % 2 ? -1 : 5, &err);
		if (!fake.failed_call) {
			assert_int_equal(rc, 0);
			assert_true(n > 15);
			kvm_host_fini(&host);
			fake_fini(&fake);
			return;
		}
		assert_int_equal(rc, -EREMOTEIO);
		assert_int_equal(err.code, -EREMOTEIO);
		assert_string_equal(err.call, fake.failed_call);
		assert_int_equal(fake.live_fds, 0);
		fake_fini(&fake);
	}
}

static void vendors_have_names(void **state)
{
	(void)state;
	assert_string_equal(kvm_vendor_name(KVM_VENDOR_INTEL), "kvm_intel");
	assert_string_equal(kvm_vendor_name(KVM_VENDOR_AMD), "kvm_amd");
	assert_string_equal(kvm_vendor_name(KVM_VENDOR_PVM), "kvm_pvm");
	assert_string_equal(kvm_vendor_name(KVM_VENDOR_UNKNOWN), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(learns),
		cmocka_unit_test(given_fd_is_duplicated),
		cmocka_unit_test(names_what_is_missing),
		cmocka_unit_test(limits_vcpus_to_eight_bit_apic_ids),
		cmocka_unit_test(xcrs_are_optional),
		cmocka_unit_test(refuses_what_is_not_kvm),
		cmocka_unit_test(open_errors_have_a_cure),
		cmocka_unit_test(every_call_may_fail),
		cmocka_unit_test(vendors_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
