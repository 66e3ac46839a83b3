/* SPDX-License-Identifier: BSD-2-Clause */
/* L2's flat image inside L1's. */
	.section .rodata
	.balign	16
	.globl	l2_image, l2_image_end
l2_image:
	.incbin	"build/l2guest.bin"
l2_image_end:

	.section .note.GNU-stack, "", @progbits
