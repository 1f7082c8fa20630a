/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "kvm_internal.h"

static const struct kvm_needed needed[] = {
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
	{ KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID" },
	{ KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE" },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
	{ KVM_CAP_SIGNAL_MSI, "KVM_CAP_SIGNAL_MSI" },
	{ KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING" },
	{ KVM_CAP_VCPU_EVENTS, "KVM_CAP_VCPU_EVENTS" },
	{ KVM_CAP_ADJUST_CLOCK, "KVM_CAP_ADJUST_CLOCK" },
};

int kvm_fail(struct ukvmm_err *err, int rc, const char *call, const char *object)
{
	const char *what = strerrordesc_np(-rc), *cure = "";

	switch (-rc) {
	case EMFILE:
		cure = ": raise the limit on open files (ulimit -n)";
		break;
	case ENFILE:
		cure = ": raise fs.file-max";
		break;
	case ENOMEM:
		cure = ": the host is out of memory, or a memory limit (cgroup, locked memory) is reached";
		break;
	}
	return err_set(err, rc, call, object, "%s%s", what ? what : "unknown error", cure);
}

static int open_failed(struct ukvmm_err *err, int rc)
{
	const char *path = "/dev/kvm";

	switch (-rc) {
	case ENOENT:
		return err_set(err, rc, "open", path,
			"no KVM on this host: load kvm_intel, kvm_amd or kvm_pvm, or pass the device in");
	case ENODEV:
	case ENXIO:
		return err_set(err, -ENOENT, "open", path,
			"no KVM vendor module is active: load kvm_intel, kvm_amd or kvm_pvm");
	case EPERM:
	case EACCES:
		return err_set(err, -EACCES, "open", path,
			"not allowed: add the user to the group that owns it (often kvm)");
	}
	return kvm_fail(err, rc, "open", path);
}

static int get_fd(struct kvm_host *host, int kvm_fd, struct ukvmm_err *err)
{
	const struct kvm_sys *sys = host->sys;

	if (kvm_fd >= 0) {
		host->fd = sys->dup(sys->ctx, kvm_fd);
		return host->fd < 0 ? kvm_fail(err, host->fd, "dup", "the KVM descriptor given") : 0;
	}
	host->fd = sys->open(sys->ctx, "/dev/kvm");
	return host->fd < 0 ? open_failed(err, host->fd) : 0;
}

static int check_version(const struct kvm_host *host, struct ukvmm_err *err)
{
	int version = kvm_ioctl(host, host->fd, KVM_GET_API_VERSION, 0);

	if (version == -ENOTTY || version == -EINVAL)
		return err_set(err, -ENOTSUP, "KVM_GET_API_VERSION", "/dev/kvm",
			"the descriptor is not a KVM device");
	if (version < 0)
		return kvm_fail(err, version, "KVM_GET_API_VERSION", "/dev/kvm");
	if (version != KVM_API_VERSION)
		return err_set(err, -ENOTSUP, "KVM_GET_API_VERSION", "/dev/kvm",
			"KVM's API version is %d, not %d: the kernel is too old or not Linux", version,
			KVM_API_VERSION);
	return 0;
}

int kvm_check(const struct kvm_host *host, unsigned long cap)
{
	return kvm_ioctl(host, host->fd, KVM_CHECK_EXTENSION, cap);
}

int kvm_need(const struct kvm_host *host, const struct kvm_needed *cap, size_t n, struct ukvmm_err *err)
{
	for (size_t i = 0; i < n; i++) {
		int rc = kvm_check(host, cap[i].cap);

		if (rc < 0)
			return kvm_fail(err, rc, "KVM_CHECK_EXTENSION", cap[i].name);
		if (!rc)
			return err_set(err, -ENOTSUP, "KVM_CHECK_EXTENSION", "/dev/kvm",
				"this kernel's KVM lacks %s: Linux 5.4 or newer is needed", cap[i].name);
	}
	return 0;
}

/* An optional capability; an error here is an error, not an absence. */
static int optional(const struct kvm_host *host, unsigned long cap, bool *has, struct ukvmm_err *err)
{
	int rc = kvm_check(host, cap);

	if (rc < 0)
		return kvm_fail(err, rc, "KVM_CHECK_EXTENSION", "/dev/kvm");
	*has = rc > 0;
	return 0;
}

static int read_optional(struct kvm_host *host, struct ukvmm_err *err)
{
	int rc = optional(host, KVM_CAP_SPLIT_IRQCHIP, &host->has_split, err);

	return rc ? rc : optional(host, KVM_CAP_HALT_POLL, &host->has_halt_poll, err);
}

static int read_sizes(struct kvm_host *host, struct ukvmm_err *err)
{
	int rc = kvm_ioctl(host, host->fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (rc < 0)
		return kvm_fail(err, rc, "KVM_GET_VCPU_MMAP_SIZE", "/dev/kvm");
	host->run_bytes = (size_t)rc;
	if (host->run_bytes < sizeof(struct kvm_run))
		return err_set(err, -ENOTSUP, "KVM_GET_VCPU_MMAP_SIZE", "/dev/kvm",
			"the run structure has %d bytes, fewer than the API's", rc);
	rc = kvm_check(host, KVM_CAP_MAX_VCPUS);
	if (rc < 0)
		return kvm_fail(err, rc, "KVM_CHECK_EXTENSION", "KVM_CAP_MAX_VCPUS");
	/* 0: KVM's documented default. 255: APIC ids stay 8 bits wide, as MP tables and xAPIC want them. */
	host->max_vcpus = rc == 0 ? 4 : rc < 255 ? (uint32_t)rc : 255;
	return 0;
}

int kvm_host_init(struct kvm_host *host, const struct kvm_sys *sys, int kvm_fd, struct ukvmm_err *err)
{
	int rc;

	*host = (struct kvm_host){ .sys = sys, .fd = -1 };
	rc = get_fd(host, kvm_fd, err);
	if (!rc)
		rc = check_version(host, err);
	if (!rc)
		rc = kvm_need(host, needed, sizeof needed / sizeof needed[0], err);
	if (!rc)
		rc = read_optional(host, err);
	if (!rc)
		rc = read_sizes(host, err);
	if (!rc)
		rc = kvm_arch_host_init(host, err);
	if (rc)
		kvm_host_fini(host);
	return rc;
}

void kvm_host_fini(struct kvm_host *host)
{
	kvm_arch_host_fini(host);
	if (host->fd >= 0)
		host->sys->close(host->sys->ctx, host->fd);
	host->fd = -1;
}

const char *kvm_vendor_name(enum kvm_vendor vendor)
{
	switch (vendor) {
	case KVM_VENDOR_INTEL:
		return "kvm_intel";
	case KVM_VENDOR_AMD:
		return "kvm_amd";
	case KVM_VENDOR_PVM:
		return "kvm_pvm";
	case KVM_VENDOR_ARM:
		return "kvm_arm";
	case KVM_VENDOR_UNKNOWN:
		break;
	}
	return "unknown";
}
