/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest of a few instructions: it stores to the window and to I/O ports, with
 * and without a device at them. What it finds is in the exit code, by the debug
 * exit port:
 * bit 0: the window holds what was stored,
 * bit 1: a port that nobody answers at reads as ones in all sizes,
 * bit 2: a watched port's device took what was written to it,
 * bit 3: a word across the end of a device's ports has the second byte too, in
 *        which KVM and TCG differ.
 *
 * Multiboot starts it in flat 32-bit mode, without paging, which every KVM can
 * run.
 */
#define PATTERN		0x5a17c0de
#define WINDOW		0x2000000
#define WINDOW_LAST	0x21ffffc
#define NOBODYS_PORT	0x5678

	.section .text
	.code32
	.align 4
	.long 0x1badb002, 0, -0x1badb002

	.globl _start
_start:
	xor %ebx, %ebx
	movl $PATTERN, WINDOW
	movl $PATTERN + 1, WINDOW_LAST
	cmpl $PATTERN, WINDOW
	jne 1f
	cmpl $PATTERN + 1, WINDOW_LAST
	jne 1f
	or $1, %ebx

1:	mov $0x41, %al
	out %al, $0x80
	mov $NOBODYS_PORT, %dx
	mov $0x1234, %ax
	out %ax, %dx
	mov $0xdeadbeef, %eax
	out %eax, %dx
	xor %eax, %eax
	in %dx, %eax
	cmp $-1, %eax
	jne 2f
	xor %eax, %eax
	in %dx, %ax
	cmp $0xffff, %eax
	jne 2f
	xor %eax, %eax
	in %dx, %al
	cmp $0xff, %eax
	jne 2f
	or $2, %ebx

2:	mov $0x77, %al			/* a DMA page register */
	out %al, $0x81
	xor %al, %al
	in $0x81, %al
	cmp $0x77, %al
	jne 3f
	or $4, %ebx

3:	in $0x71, %ax
	test $0xff00, %eax
	jz 4f
	or $8, %ebx

4:	mov %bl, %al
	mov $0xf4, %dx
	out %al, %dx
	hlt
	jmp 4b

	.section .note.GNU-stack, "", @progbits
