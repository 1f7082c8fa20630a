// SPDX-License-Identifier: Apache-2.0
// The headers serve C++ as they are: structures made by struct_init, errors read back.
#include <ukvmm/debug.h>
#include <ukvmm/device.h>
#include <ukvmm/run.h>
#include <ukvmm/x86.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

int main()
{
	struct ukvmm_err err;
	struct ukvmm_host_config config;
	struct ukvmm_host *host = nullptr;
	const std::string want = std::to_string(UKVMM_VERSION_MAJOR) + "." + std::to_string(UKVMM_VERSION_MINOR) +
		"." + std::to_string(UKVMM_VERSION_PATCH);

	ukvmm_struct_init(&err, sizeof err);
	ukvmm_struct_init(&config, sizeof config);
	config.flags = 1u << 31;
	int rc = ukvmm_host_open(&host, -1, &config, &err);
	std::printf("%s: %d %s(%s): %s\n", ukvmm_version(), rc, err.call, err.object, err.text);
	if (rc != -EINVAL || err.code != rc || !std::strlen(err.text)) {
		std::puts("an unknown flag must be -EINVAL with a text");
		return 1;
	}
	return want == ukvmm_version() ? 0 : 1;
}
