/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest of a few instructions: it finds the hypertrace device, maps the
 * region's first 4 MiB and stores to a host page and to the guest part. What
 * it reads back there is in the exit code, by the debug exit port:
 * bit 0: the guest part took the store, bit 1: the host page took it.
 *
 * Multiboot starts it in flat 32-bit mode, without paging, which every KVM can
 * run. So the BAR must lie below 4 GiB.
 */
#define PATTERN		0x5a17c0de
#define HOST_WORD	0x11900		/* an unused consumer's */
#define GUEST_WORD	0x201000

	.section .text
	.code32
	.align 4
	.long 0x1badb002, 0, -0x1badb002

	.globl _start
_start:
	mov $0x80000000, %ebx		/* find the device on bus 0 */
1:	mov %ebx, %eax
	call pci_read
	cmp $0x107f1af4, %eax
	je 2f
	add $0x800, %ebx
	cmp $0x80010000, %ebx
	jne 1b
	mov $0x40, %al			/* there is none */
	jmp exit

2:	lea 0x20(%ebx), %eax		/* BAR 4 */
	call pci_read
	mov %eax, %esi
	and $~0xf, %esi
	movl $PATTERN, HOST_WORD(%esi)
	movl $PATTERN, GUEST_WORD(%esi)
	xor %eax, %eax
	cmpl $PATTERN, GUEST_WORD(%esi)
	jne 3f
	or $1, %al
3:	cmpl $PATTERN, HOST_WORD(%esi)
	jne exit
	or $2, %al
exit:	mov $0xf4, %dx
	out %al, %dx
	hlt
	jmp exit

/* eax: address; returns the word in eax */
pci_read:
	mov $0xcf8, %dx
	out %eax, %dx
	mov $0xcfc, %dx
	in %dx, %eax
	ret

	.section .note.GNU-stack, "", @progbits
