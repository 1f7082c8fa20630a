/* SPDX-License-Identifier: Apache-2.0 */
/* CMake wants a source beside object files. */
	.section .note.GNU-stack, "", @progbits
