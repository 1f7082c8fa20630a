# SPDX-License-Identifier: Apache-2.0
# Writes OUT, which ctest includes: one test for each case that PROGRAM lists.
execute_process(COMMAND ${PROGRAM} --list OUTPUT_VARIABLE names COMMAND_ERROR_IS_FATAL ANY)
string(STRIP "${names}" names)
string(REPLACE "\n" ";" names "${names}")
set(text "")
foreach(name ${names})
	string(APPEND text "add_test(guests-${name} \"${PROGRAM}\" --guests \"${GUESTS}\" --case ${name})\n"
		"set_tests_properties(guests-${name} PROPERTIES LABELS guests SKIP_RETURN_CODE 77 TIMEOUT 600)\n")
endforeach()
file(WRITE ${OUT} "${text}")
