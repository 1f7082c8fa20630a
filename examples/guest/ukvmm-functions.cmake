# SPDX-License-Identifier: Apache-2.0
# ukvmm_add_function(NAME SOURCES file... [LIBRARIES lib...]): a target NAME that is a bootable image NAME.elf, of C sources
# of which one defines handle() (ukvmm_fn.h). Nothing of the host's headers is seen by them. Libraries are static ones
# that were compiled the same way: link them with the target ukvmm_function_flags.
# UKVMM_FUNCTION_DIR: the folder that holds include/, image.ld and libukvmm_fn.a.
execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=include OUTPUT_VARIABLE ukvmm_compiler_headers
	OUTPUT_STRIP_TRAILING_WHITESPACE)

if(NOT TARGET ukvmm_function_flags)
	add_library(ukvmm_function_flags INTERFACE)
	set_target_properties(ukvmm_function_flags PROPERTIES INTERFACE_POSITION_INDEPENDENT_CODE OFF)
	# -fbuiltin: of the C library that is there, the compiler may know what its functions do
	target_compile_options(ukvmm_function_flags INTERFACE -m64 -march=x86-64 -O2 -nostdinc
		"SHELL:-isystem ${UKVMM_FUNCTION_DIR}/include" "SHELL:-isystem ${ukvmm_compiler_headers}" -ffreestanding -fbuiltin
		-fno-pic -fno-pie -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables
		-ffunction-sections -fdata-sections -U_FORTIFY_SOURCE)
endif()

function(ukvmm_add_function name)
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES")
	if(NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
		message(FATAL_ERROR "usage: ukvmm_add_function(NAME SOURCES file... [LIBRARIES lib...])")
	endif()
	add_executable(${name} ${arg_SOURCES})
	set_target_properties(${name} PROPERTIES SUFFIX .elf POSITION_INDEPENDENT_CODE OFF
		LINK_DEPENDS "${UKVMM_FUNCTION_DIR}/image.ld;${UKVMM_FUNCTION_DIR}/libukvmm_fn.a")
	target_link_libraries(${name} PRIVATE ukvmm_function_flags ${arg_LIBRARIES} ${UKVMM_FUNCTION_DIR}/libukvmm_fn.a)
	target_link_options(${name} PRIVATE -m64 -static -nostdlib -no-pie -Wl,--build-id=none -Wl,-z,norelro
		-Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,--gc-sections -Wl,-u,_start
		-Wl,-T,${UKVMM_FUNCTION_DIR}/image.ld)
endfunction()
