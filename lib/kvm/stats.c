/* SPDX-License-Identifier: Apache-2.0 */
/* KVM's statistics descriptor (Documentation/virt/kvm/api.rst, KVM_GET_STATS_FD). */
#include <errno.h>
#include <string.h>

#include "kvm_internal.h"

enum { NAME_MAX_BYTES = 128, DESCRIPTORS_MAX = 512 };

static int read_at(const struct kvm_vcpu *vcpu, void *dst, size_t len, uint64_t off)
{
	const struct kvm_sys *sys = vcpu->vm->host->sys;
	int64_t n = sys->pread(sys->ctx, vcpu->stats_fd, dst, len, off);

	if (n < 0)
		return (int)n;
	return (size_t)n == len ? 0 : -EIO;
}

/* Where the value named "blocking" is in every vCPU's file. */
static int find_blocking(const struct kvm_vcpu *vcpu, uint64_t *off)
{
	struct kvm_stats_header header;
	struct {
		struct kvm_stats_desc d;
		char name[NAME_MAX_BYTES];
	} desc;
	int rc = read_at(vcpu, &header, sizeof header, 0);

	if (rc)
		return rc;
	if (header.name_size > sizeof desc.name || header.num_desc > DESCRIPTORS_MAX)
		return -EOVERFLOW;
	for (uint32_t i = 0; i < header.num_desc; i++) {
		size_t bytes = sizeof desc.d + header.name_size;

		memset(&desc, 0, sizeof desc);
		rc = read_at(vcpu, &desc, bytes, header.desc_offset + i * (uint64_t)bytes);
		if (rc)
			return rc;
		if (!strncmp(desc.name, "blocking", sizeof desc.name)) {
			*off = (uint64_t)header.data_offset + desc.d.offset;
			return 0;
		}
	}
	return -ENOTSUP;
}

int kvm_vcpu_blocking(const struct kvm_vcpu *vcpu)
{
	struct kvm_host *host = vcpu->vm->host;
	uint64_t off, value;
	int rc;

	if (vcpu->stats_fd < 0)
		return -ENOTSUP;
	/* The layout is the kernel's, the same for every vCPU: threads that race store the same number. */
	off = __atomic_load_n(&host->blocking_offset, __ATOMIC_RELAXED);
	if (!off) {
		rc = find_blocking(vcpu, &off);
		if (rc)
			return rc;
		__atomic_store_n(&host->blocking_offset, off, __ATOMIC_RELAXED);
	}
	rc = read_at(vcpu, &value, sizeof value, off);
	return rc ? rc : value != 0;
}
