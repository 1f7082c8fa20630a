/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ukvmm/x86.h>

#include "cli.h"
#include "cmdline.h"
#include "report.h"

enum {
	/* Output that waits while stdout does: a slow reader should not lose a boot log. */
	CONSOLE_BYTES = 1 << 20,
};

/* All files are opened before anything is asked of the host: a mistyped name is the likeliest
 * trouble. */
struct files {
	int image, initrd;
};

static int open_files(struct files *f, const struct run_options *o)
{
	f->initrd = -1;
	f->image = cli_open_image(o->image);
	if (f->image < 0)
		return -f->image;
	if (!o->initrd)
		return CLI_OK;
	f->initrd = open(o->initrd, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (f->initrd >= 0)
		return CLI_OK;
	report_errno("open", o->initrd, errno);
	return CLI_FAILED;
}

/* The library was given descriptors and calls them "image" and "module 0". */
static int image_status(const struct run_options *o, const struct ukvmm_err *err, int rc)
{
	bool initrd = strncmp(err->object, "module", strlen("module")) == 0;

	report_err(err, initrd ? o->initrd : o->image);
	return !initrd && (rc == -ENOEXEC || rc == -EFBIG) ? CLI_NOT_BOOTABLE : CLI_FAILED;
}

static int read_image(struct machine *m, const struct run_options *o, const struct files *f)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_image_config config = {
		.size = sizeof config,
		.flags = o->decompress ? UKVMM_IMAGE_DECOMPRESS : 0,
		.boot = o->boot,
	};
	int rc = ukvmm_image_open(m->host, f->image, f->initrd, &config, &m->image, &err);

	return rc < 0 ? image_status(o, &err, rc) : CLI_OK;
}

/* A Solo5 guest's command line is its program's arguments and nothing else. OSv's is its options and then the
 * program with its arguments; "--" would be an option that it does not know. */
static bool wants_separator(const struct ukvmm_image *image)
{
	struct ukvmm_image_info info = { .size = sizeof info };

	ukvmm_image_info(image, &info);
	return info.boot != UKVMM_BOOT_HVT && strncmp(info.guest, "OSv ", 4) != 0;
}

static int set_cmdline(struct machine *m, const struct run_options *o, struct ukvmm_err *err)
{
	char *text;
	int rc;

	if (!o->cmdline && o->args_len == 0)
		return CLI_OK;
	rc = cmdline_join(o->cmdline, o->args, o->args_len, wants_separator(m->image), &text);
	if (rc == -ENOMEM)
		report_errno("malloc", "command line", rc);
	if (rc < 0)
		return CLI_FAILED;
	rc = ukvmm_vm_set_cmdline(m->vm, text, err);
	free(text);
	if (rc == 0)
		return CLI_OK;
	report_err(err, NULL);
	return CLI_FAILED;
}

static int make_vm(struct machine *m, const struct run_options *o, struct ukvmm_err *err)
{
	const char *slash = strrchr(o->image, '/');
	struct ukvmm_x86_config x86 = { .size = sizeof x86, .irqchip = o->irqchip };
	struct ukvmm_vm_config config = {
		.size = sizeof config,
		.memory = o->memory,
		.vcpus = o->cpus,
		.console_bytes = CONSOLE_BYTES,
		.hugepages = o->hugepages,
		.kicks = o->kicks,
		.x86 = o->irqchip == UKVMM_X86_IRQCHIP_AUTO ? NULL : &x86,
	};

	snprintf(m->name, sizeof m->name, "%s", slash ? slash + 1 : o->image);
	if (ukvmm_vm_new(m->poller, m->name, m->image, &config, &m->vm, err) == 0)
		return CLI_OK;
	report_err(err, NULL);
	return CLI_FAILED;
}

static int seal(struct machine *m, struct ukvmm_err *err)
{
	int rc = ukvmm_vm_seal(m->vm, err);

	if (rc == 0)
		return CLI_OK;
	report_err(err, NULL);
	return rc == -ENOEXEC ? CLI_NOT_BOOTABLE : CLI_FAILED;
}

int machine_make(struct machine *m, const struct run_options *o)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct files files;
	int status = open_files(&files, o);

	if (status != CLI_OK)
		return status;
	/* programs that this starts get ready while we do the rest */
	if (devices_open(&m->devices, &o->devices) < 0)
		return CLI_FAILED;
	if (ukvmm_host_open(&m->host, o->kvm_fd, NULL, &err) < 0 ||
		ukvmm_poller_new(m->host, &m->poller, &err) < 0) {
		report_err(&err, NULL);
		return CLI_FAILED;
	}
	status = read_image(m, o, &files);
	if (status == CLI_OK)
		status = make_vm(m, o, &err);
	if (status == CLI_OK)
		status = set_cmdline(m, o, &err);
	if (status == CLI_OK && devices_add(&m->devices, &o->devices, m->vm) < 0)
		status = CLI_FAILED;
	if (status == CLI_OK)
		status = seal(m, &err);
	return status;
}

void machine_close(struct machine *m, const struct run_options *o)
{
	if (m->vm && device_options_len(&o->devices) > 0)
		ukvmm_vm_destroy(m->vm);
}
