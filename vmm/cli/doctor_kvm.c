/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ukvmm/ukvmm.h>

static const char kvm_path[] = "/dev/kvm";

/* "vmx" (Intel), "svm" (AMD), or NULL: no virtualization this kernel could use. */
static const char *cpu_extension(void)
{
	char line[8192];
	const char *found = NULL;
	FILE *f = fopen("/proc/cpuinfo", "re");

	while (f && !found && fgets(line, sizeof line, f)) {
		if (strncmp(line, "flags", 5) != 0)
			continue;
		line[strcspn(line, "\n")] = ' ';
		found = strstr(line, " vmx ") ? "vmx" : strstr(line, " svm ") ? "svm" : NULL;
	}
	if (f)
		fclose(f);
	return found;
}

static void no_device(struct doctor *d)
{
	const char *ext = cpu_extension();
	struct finding *f = doctor_find(d, "dev_kvm", FINDING_FAIL,
		"there is no /dev/kvm; the CPU %s virtualization (vmx or svm)",
		ext ? "offers" : "shows no");

	if (ext)
		doctor_cure(f, "modprobe %s; in a container, pass it in (--device /dev/kvm)",
			strcmp(ext, "vmx") == 0 ? "kvm_intel" : "kvm_amd");
	else
		doctor_cure(f, "switch virtualization on in the firmware; on a cloud VM ask for "
			       "nested virtualization, or use a kernel with kvm_pvm, which needs "
			       "none");
}

static void no_access(struct doctor *d, const struct stat *st)
{
	struct group *group = getgrgid(st->st_gid);
	struct passwd *user = getpwuid(getuid());
	struct finding *f = doctor_find(d, "dev_kvm", FINDING_FAIL,
		"/dev/kvm may not be opened: mode %04o, owner %u, group %s, and you are user %u",
		st->st_mode & 07777, st->st_uid, group ? group->gr_name : "?", getuid());

	if (group && strcmp(group->gr_name, "kvm") == 0 && (st->st_mode & 0060) == 0060)
		doctor_cure(f, "sudo usermod -aG kvm %s, then log in again",
			user ? user->pw_name : "USER");
	else
		doctor_cure(f, "sudo chgrp kvm /dev/kvm && sudo chmod 0660 /dev/kvm, and be in the "
			       "group kvm; or run as root; or hand an open one in with --kvm-fd");
}

static void no_use(struct doctor *d, int error)
{
	struct finding *f = doctor_find(d, "dev_kvm", FINDING_FAIL, "/dev/kvm: %s",
		strerror(error));

	doctor_cure(f, "is the module loaded (modprobe kvm_intel or kvm_amd), and do the "
		       "container's device rules allow it?");
}

/* True if it can be opened. */
static bool check_device(struct doctor *d)
{
	struct stat st;
	int fd = open(kvm_path, O_RDWR | O_CLOEXEC);
	int error = errno;

	if (fd >= 0) {
		close(fd);
		doctor_find(d, "dev_kvm", FINDING_OK, "/dev/kvm can be opened, read and written");
		return true;
	}
	if (stat(kvm_path, &st) < 0)
		no_device(d);
	else if (error == EACCES || error == EPERM)
		no_access(d, &st);
	else
		no_use(d, error);
	return false;
}

static void check_vendor(struct doctor *d, struct ukvmm_host *host)
{
	struct ukvmm_host_info info = { .size = sizeof info };
	struct finding *f;

	if (ukvmm_host_info(host, &info) < 0)
		return;
	d->vendor = info.vendor;
	snprintf(d->vendor_name, sizeof d->vendor_name, "%s", info.vendor_name);
	f = doctor_find(d, "vendor", info.vendor == UKVMM_KVM_PVM ? FINDING_WARN : FINDING_OK,
		"%s, KVM API %u, up to %u vCPUs in a VM", info.vendor_name, info.api_version,
		info.max_vcpus);
	if (info.vendor == UKVMM_KVM_PVM)
		doctor_cure(f, "ring 0 of guests is emulated here, at a few million instructions a "
			       "second; for Linux guests use a host with kvm_intel or kvm_amd");
}

static void check_trial(struct doctor *d, struct ukvmm_host *host)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct finding *f;

	if (doctor_trial(host, &d->make_us, &err) == 0) {
		d->can_run = true;
		doctor_find(d, "trial", FINDING_OK,
			"a VM was made in %llu us, ran and ended as it should",
			(unsigned long long)d->make_us);
		return;
	}
	f = doctor_find(d, "trial", FINDING_FAIL, "a VM could not run: %s(%s): %s", err.call,
		err.object, err.text[0] ? err.text : strerror(-err.code));
	if (err.code == -EAGAIN || err.code == -ENOMEM)
		doctor_cure(f, "KVM starts a kernel thread for each VM in this process: raise the "
			       "limits below (ulimit -u, pids.max) or free memory");
	else if (err.code == -EBUSY)
		doctor_cure(f, "another hypervisor holds the CPU's virtualization: stop it "
			       "(VirtualBox, VMware), or unload its module");
}

void doctor_kvm(struct doctor *d)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_host *host;
	struct finding *f;

	snprintf(d->vendor_name, sizeof d->vendor_name, "none");
	if (!check_device(d))
		return;
	if (ukvmm_host_open(&host, -1, NULL, &err) < 0) {
		f = doctor_find(d, "capabilities", FINDING_FAIL, "%s(%s): %s", err.call, err.object,
			err.text);
		doctor_cure(f, "use a kernel of 5.10 or later with KVM enabled");
		return;
	}
	check_vendor(d, host);
	check_trial(d, host);
	ukvmm_host_close(host);
}
