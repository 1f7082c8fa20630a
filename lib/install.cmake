# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` gives to an embedder: both libraries, the public headers, a CMake package and a
# pkg-config file. Both find their own prefix, so that the tree may be moved.
include(CMakePackageConfigHelpers)

# Inside the project the archive offers every room's functions to the tests. An embedder's copy is one object
# in which all but the public functions are local: names like mem_read are free for the embedder's own use.
set(public_object ${CMAKE_CURRENT_BINARY_DIR}/ukvmm.o)
set(public_archive ${CMAKE_CURRENT_BINARY_DIR}/public/libukvmm.a)
set(UKVMM_PUBLIC_ARCHIVE ${public_archive} CACHE INTERNAL "the archive that is installed")
file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/public)
add_custom_command(OUTPUT ${public_archive}
	COMMAND ${CMAKE_LINKER} -r -o ${public_object} ${objects}
	COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${public_object}
	COMMAND ${CMAKE_COMMAND} -E rm -f ${public_archive}
	COMMAND ${CMAKE_AR} qcs ${public_archive} ${public_object}
	DEPENDS ${objects} COMMENT "libukvmm.a as embedders get it" COMMAND_EXPAND_LISTS VERBATIM)
add_custom_target(ukvmm_public_archive ALL DEPENDS ${public_archive})

install(TARGETS ukvmm_shared EXPORT ukvmm-targets)
install(FILES ${public_archive} DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${UKVMM_HEADER_FILES} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ukvmm)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ukvmm)
install(EXPORT ukvmm-targets NAMESPACE ukvmm:: DESTINATION ${package_dir})
configure_package_config_file(ukvmm-config.cmake.in ukvmm-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(ukvmm-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ukvmm-config.cmake
	${CMAKE_CURRENT_BINARY_DIR}/ukvmm-config-version.cmake DESTINATION ${package_dir})

file(RELATIVE_PATH UKVMM_PC_UP /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" UKVMM_PC_UP "${UKVMM_PC_UP}")
configure_file(ukvmm.pc.in ukvmm.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ukvmm.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

add_library(ukvmm::ukvmm ALIAS ukvmm_shared)
add_library(ukvmm::ukvmm_static ALIAS ukvmm_static)
